"""A session that runs as the operator could read every secret: it is refused, and one that runs already reports it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control_plane.control_plane import ControlPlane
from tests.api.operator.conftest import Operators
from tests.api.operator.specs import PLAIN
from tests.support import accounts
from tests.support.processes import OperatorProcess
from tests.support.world import Object, World, condition

ACCOUNT = "amalthea"


@pytest.fixture
def as_account(full_control_plane: ControlPlane, world: World, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator, not started yet, with the token of a service account of the namespace that may do everything."""
    path = accounts.kubeconfig(full_control_plane, world, ACCOUNT, tmp_path)
    accounts.bind(world, ACCOUNT, {"kind": "ClusterRole", "metadata": {"name": "cluster-admin"}})
    operator = OperatorProcess(path, tmp_path, world.namespace)
    yield operator
    operator.kill()


def refusal(session: Object) -> str:
    """Return what `Accepted` says of a session that is refused; nothing of one that is not."""
    accepted = condition(session, "Accepted")
    return accepted["message"] if accepted is not None and accepted["status"] == "False" else ""


def test_a_session_does_not_get_the_operators_service_account(world: World, as_account: OperatorProcess) -> None:
    as_account.start()
    world.session("thief", {**PLAIN, "serviceAccountName": ACCOUNT})
    world.session("plain", {**PLAIN, "serviceAccountName": "default"})
    failed = world.wait_for_state("thief", "Failed")
    assert f"spec.serviceAccountName: is '{ACCOUNT}'" in refusal(failed)
    world.wait_for("Pod", "plain-0", bool)
    assert world.belongings_of("thief") == []


def test_one_that_has_it_already_runs_on_and_says_so(
    world: World, operators: Operators, as_account: OperatorProcess
) -> None:
    before = operators().start()
    world.run("one", {**PLAIN, "serviceAccountName": ACCOUNT})
    pod = world.wait_for("Pod", "one-0", bool)
    before.terminate()
    as_account.start()
    told = world.wait_for("AmaltheaSession", "one", refusal)
    assert told["status"]["state"] == "Running"
    assert world.wait_for("Pod", "one-0", bool)["metadata"]["uid"] == pod["metadata"]["uid"]
