"""Secrets that a session adopts go with it, wherever it names them and whenever they came; no others ever do."""

from tests.api.operator.conftest import Operators
from tests.api.operator.specs import PLAIN
from tests.support.processes import OperatorProcess
from tests.support.world import Object, World

FINALIZERS = ["amalthea.dev/secrets-finalizer"]
NAMES = ("tls", "auth", "remote", "source", "clone", "config", "pull")


def referring(*, adopt: bool) -> Object:
    """Return a spec that refers to a secret in each of the seven places."""

    def reference(name: str) -> Object:
        return {"name": f"{name}-{'adopted' if adopt else 'kept'}", "key": "key", "adopt": adopt}

    repository = {"remote": "https://git.example.org/a/b", "type": "git"}
    return {
        **PLAIN,
        "session": {**PLAIN["session"], "remoteSecretRef": _unkeyed(reference("remote"))},
        "ingress": {**PLAIN["ingress"], "tlsSecret": _unkeyed(reference("tls"))},
        "authentication": {"enabled": True, "type": "token", "secretRef": reference("auth")},
        "dataSources": [{"mountPath": "/data", "secretRef": _unkeyed(reference("source"))}],
        "codeRepositories": [
            {**repository, "cloningConfigSecretRef": reference("clone"), "configSecretRef": reference("config")}
        ],
        "imagePullSecrets": [_unkeyed(reference("pull"))],
    }


def _unkeyed(reference: Object) -> Object:
    return {key: value for key, value in reference.items() if key != "key"}


def test_exactly_the_adopted_secrets_go_also_those_that_came_later(world: World, operator: OperatorProcess) -> None:
    world.session("one", referring(adopt=True))
    world.session("two", referring(adopt=False))
    session = world.wait_for("AmaltheaSession", "one", lambda found: found["metadata"].get("finalizers"))
    assert session["metadata"]["finalizers"] == FINALIZERS
    world.wait_for("StatefulSet", "two", lambda _: True)
    for name in NAMES:
        world.secret(f"{name}-adopted", key="value")
        world.secret(f"{name}-kept", key="value")
    for session_name in ("one", "two"):
        world.delete("AmaltheaSession", session_name)
        world.wait_until_nothing_is_left(session_name)
    assert {found["metadata"]["name"] for found in world.all("Secret")} == {f"{name}-kept" for name in NAMES}
    assert "-adopted" not in operator.log, "nothing had to be told of them"


def test_a_secret_that_is_adopted_no_more_is_kept(world: World, operator: OperatorProcess) -> None:
    world.secret("auth-adopted", key="value")
    world.run("one", {**PLAIN, "authentication": referring(adopt=True)["authentication"]})
    world.patch_spec("one", authentication={"secretRef": {"adopt": False}})
    world.wait_for("AmaltheaSession", "one", lambda found: not found["metadata"].get("finalizers"))
    world.delete("AmaltheaSession", "one")
    world.wait_until_nothing_is_left("one")
    assert world.get("Secret", "auth-adopted") is not None
    assert '"level": "error"' not in operator.log


def test_a_secret_that_is_gone_already_holds_up_nobody(world: World, operators: Operators) -> None:
    operator = operators().start()
    world.session("one", referring(adopt=True))
    world.wait_for("AmaltheaSession", "one", lambda found: found["metadata"].get("finalizers"))
    operator.terminate()
    world.delete("AmaltheaSession", "one")
    operators().start()
    world.wait_until_nothing_is_left("one")
