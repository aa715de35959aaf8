"""Repositories that are cloned in real pods: each by its own credentials, once; and what is said where it fails."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lab.cluster.admin import Admin
from tests.e2e.git_servers import LARGE, Servers, serving, session_with_git, shell_in
from tests.e2e.specs import STARTS, Spec
from tests.e2e.test_door import behind_a_door
from tests.support.world import Object, World, condition

pytestmark = pytest.mark.timeout(360)
PASSWORD = "a-password-for-nobody-else"
GIVEN_UP = 90.0
"""Seconds within which a server that cannot be found is given up: half a minute of them are for trying again."""
CORRECTED = 210.0
"""Seconds until a corrected secret has reached the pod, and the kubelet tries again what has failed some times."""
OPENSHIFT_USER = 1000650000


@pytest.fixture(scope="module")
def servers(cluster: Admin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with serving(cluster, tmp_path_factory.mktemp("git")) as servers:
        servers.https.passwords["large"] = ("ada", PASSWORD)
        servers.https.secrets |= {PASSWORD, "open sesame"}
        yield servers


@pytest.fixture
def secret(world: World) -> Iterator[Callable[[str, str], str]]:
    """Makes secrets of one key, and takes them away again."""
    made: list[str] = []

    def make(name: str, content: str) -> str:
        world.secret(name, content=content)
        made.append(name)
        return name

    yield make
    for each in made:
        world.delete("Secret", each)


def ref(name: str) -> Spec:
    return {"name": name, "key": "content"}


def for_the_session(user: str, password: str) -> str:
    """Return the git configuration of somebody who wants to fetch without being asked for a password."""
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"[user]\n\tname = Ada\n[http]\n\textraHeader = Authorization: Basic {basic}\n"


def told(session: Object) -> str:
    """Return the code of what is wrong."""
    healthy = condition(session, "Healthy")
    return healthy["reason"] if healthy is not None else ""


def log_of(cluster: Admin, world: World, name: str, index: int = 0) -> str:
    return cluster.kubectl("logs", f"--namespace={world.namespace}", f"{name}-0", f"--container=git-clone-{index}")


def all_that_is_said(cluster: Admin, world: World, name: str) -> str:
    """Return session, pod, Events and the logs of the first clone, as one text."""
    objects = (world.get("AmaltheaSession", name), world.get("Pod", f"{name}-0"), world.all("Event"))
    return json.dumps(objects) + log_of(cluster, world, name)


@pytest.mark.parametrize("user", [1000, OPENSHIFT_USER], ids=["the usual user", "a user without a name"])
def test_private_repositories_are_cloned_each_by_its_own_credentials_and_once(
    user: int, servers: Servers, secret: Callable[[str, str], str], world: World, name: str, cluster: Admin
) -> None:
    opens_large = secret(f"{name}-large", servers.opened_with("ada", PASSWORD))
    opens_project = secret(f"{name}-project", servers.opened_with_key())
    config = secret(f"{name}-config", for_the_session("ada", PASSWORD))
    large, project = servers.https.address("large"), servers.ssh.address("project")
    spec = session_with_git(runAsUser=user, runAsGroup=user)
    repositories = [
        {"remote": large, "cloningConfigSecretRef": ref(opens_large), "configSecretRef": ref(config)},
        {"remote": project, "clonePath": "sub", "revision": "v1", "cloningConfigSecretRef": ref(opens_project)},
    ]
    world.session(name, {**spec, "codeRepositories": repositories})
    world.wait_for_state(name, "Running", STARTS)
    shell = shell_in(cluster, world, name)

    assert shell("cat /work/large/data.bin") == LARGE.decode().strip()
    assert shell("cd /work/large; git rev-parse --abbrev-ref HEAD @{upstream}; git status --porcelain") == (
        "trunk\norigin/trunk"
    )
    assert shell("cd /work/large; git config user.name; git fetch; stat --format=%u .") == f"Ada\n{user}"
    assert shell("cd /work/sub/project; cat notes.txt; git describe --tags") == "first\nv1"
    assert "Receiving objects: 100%" in log_of(cluster, world, name)

    clones = servers.https.clones
    shell("echo mine > /work/large/notes.txt; git -C /work/sub/project checkout --quiet -b mine")
    shell("mkdir /work/.ssh; echo key > /work/.ssh/id_rsa; chmod 600 /work/.ssh/id_rsa")
    world.patch_spec(name, hibernated=True)
    world.wait_for_state(name, "Hibernated", STARTS)
    world.patch_spec(name, hibernated=False)
    world.wait_for_state(name, "Running", STARTS)

    assert shell("cat /work/large/notes.txt; git -C /work/sub/project rev-parse --abbrev-ref HEAD") == "mine\nmine"
    assert shell("stat --format=%a /work/.ssh/id_rsa") == "600", "ssh refuses a key that its group may read"
    assert "already exists and is left as it is" in log_of(cluster, world, name)
    assert servers.https.clones == clones
    assert servers.https.shown == set()
    said = all_that_is_said(cluster, world, name)
    assert PASSWORD not in said
    assert "open sesame" not in said


def test_the_program_starts_behind_a_door_that_listens_and_not_before_though_all_is_cloned(
    servers: Servers, secret: Callable[[str, str], str], world: World, name: str
) -> None:
    credentials = secret(f"{name}-project", servers.opened_with("", ""))
    project = {"remote": servers.https.address("project"), "cloningConfigSecretRef": ref(credentials)}
    world.secret(name, auth="tokken: the-key")
    world.session(name, {**behind_a_door(name), "codeRepositories": [project]})
    failed = world.wait_for_state(name, "Failed", STARTS)
    assert told(failed) == "DoorMisconfigured"
    assert "waiting" in state_of(world.wait_for("Pod", f"{name}-0", bool), "amalthea-session")
    world.patch("Secret", name, stringData={"auth": "token: the-key"})
    world.wait_for_state(name, "Running", CORRECTED)
    pod = world.wait_for("Pod", f"{name}-0", bool)
    door, clone = state_of(pod, "authproxy"), state_of(pod, "git-clone-0")
    assert clone["terminated"]["finishedAt"] >= door["running"]["startedAt"]


def state_of(pod: Object, container: str) -> Object:
    """Return the state of a container: waiting, running or terminated. Empty while it has none."""
    status = pod.get("status", {})
    listed = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return next((each["state"] for each in listed if each["name"] == container), {})


@dataclass(frozen=True)
class Failing:
    """A repository that cannot be cloned, and what is to be said of it."""

    cause: str
    remote: str
    credentials: str = ""
    revision: str | None = None

    @property
    def told(self) -> str:
        return f"Cloning {self.remote} failed: {self.cause}."


def failing(servers: Servers) -> list[Failing]:
    large, project = servers.https.address("large"), servers.https.address("project")
    known = servers.opened_with("ada", PASSWORD)
    return [
        Failing(
            "its server refuses access; give credentials if it is private, or correct those that are given",
            large,
            servers.opened_with("ada", f"{PASSWORD}-but-wrong"),
        ),
        Failing("it has no branch, tag or commit no-such; correct the revision", project, known, revision="no-such"),
        Failing(
            "its server's certificate is not trusted; add its CA certificate as caCertificates to the repository's"
            " credentials, or ask your administrators to trust it",
            project,
        ),
        Failing(
            "the name of its server cannot be resolved; check the address, and try again later",
            "https://git.invalid/project.git",
        ),
        Failing(
            "the key content of its credentials' secret contains no credentials; write username and password, or"
            " privateKey, into the secret",
            project,
            "password: alone",
        ),
    ]


def test_a_clone_that_fails_is_told_in_one_sentence_with_the_next_step_and_no_secret(
    servers: Servers, secret: Callable[[str, str], str], world: World, names: Callable[[], str], cluster: Admin
) -> None:
    sessions = {names(): each for each in failing(servers)}
    for name, each in sessions.items():
        opens = {"cloningConfigSecretRef": ref(secret(name, each.credentials))} if each.credentials else {}
        repository = {"remote": each.remote, "revision": each.revision, **opens}
        world.session(name, {**session_with_git(), "codeRepositories": [repository]})
    for name, each in sessions.items():
        failed = world.wait_for_state(name, "Failed", GIVEN_UP)
        assert (told(failed), failed["status"]["error"]) == ("CloneFailed", each.told)
        assert PASSWORD not in all_that_is_said(cluster, world, name)
    assert servers.https.shown == set()


def test_a_corrected_secret_lets_the_session_start_by_itself(
    servers: Servers, secret: Callable[[str, str], str], world: World, name: str
) -> None:
    opens = secret(f"{name}-large", servers.opened_with("ada", "wrong"))
    repository = {"remote": servers.https.address("large"), "cloningConfigSecretRef": ref(opens)}
    world.session(name, {**session_with_git(), "codeRepositories": [repository]})
    world.wait_for_state(name, "Failed", STARTS)

    world.patch("Secret", opens, stringData={"content": servers.opened_with("ada", PASSWORD)})

    running = world.wait_for_state(name, "Running", CORRECTED)
    assert "error" not in running["status"]
    assert "failingSince" not in running["status"]
