"""An admission webhook that denies, fails, hangs or is away must not hide a session, hold it, or touch another one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control_plane.control_plane import ControlPlane
from tests.api.conftest import new_namespace
from tests.api.operator.conftest import Operators
from tests.api.operator.specs import CONTAINER, PLAIN
from tests.support.webhook import MOODS, Webhook
from tests.support.world import Object, World, condition

ADOPTING = {"session": CONTAINER, "imagePullSecrets": [{"name": "pull", "adopt": True}]}
FINALIZER = "amalthea.dev/secrets-finalizer"
HEALED = 60.0
"""Seconds after the trouble, within which the tests wait for it to be over: it has been short, the bound is 120."""


@pytest.fixture
def neighbour(full_control_plane: ControlPlane) -> World:
    """Another namespace of the same operator."""
    return World(full_control_plane.api, new_namespace(full_control_plane))


@pytest.fixture
def webhook(world: World, tmp_path: Path) -> Iterator[Webhook]:
    """Judges Ingresses, the status of sessions labelled `status`, and those labelled `finalizer` themselves."""
    sessions: Object = {"apiGroups": ["amalthea.dev"], "operations": ["UPDATE"]}
    ingresses: Object = {"apiGroups": ["networking.k8s.io"], "operations": ["CREATE"], "resources": ["ingresses"]}
    with Webhook(tmp_path) as started:
        started.judge(world, "children", ingresses)
        started.judge(world, "status", {**sessions, "resources": ["amaltheasessions/status"]}, "status")
        started.judge(world, "finalizer", {**sessions, "resources": ["amaltheasessions"]}, "finalizer")
        yield started


def told(session: Object) -> str:
    """Return what `ChildrenInPlace` says against a session."""
    found = condition(session, "ChildrenInPlace")
    return f"{found['reason']}: {found['message']}" if found is not None and found["status"] == "False" else ""


def finalizers(session: Object) -> list[str]:
    """Return the finalizers of an object."""
    found: list[str] = session["metadata"].get("finalizers", [])
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mood", MOODS)
def test_a_webhook_in_whatever_mood_harms_and_hides_no_session(
    mood: str, world: World, neighbour: World, webhook: Webhook, operators: Operators
) -> None:
    operators(CLUSTER_SCOPED="true").start()
    webhook.be(mood)
    world.session("child", PLAIN)
    world.session("status", {"session": CONTAINER}, labels={"webhook": "status"})
    world.session("finalizer", ADOPTING, labels={"webhook": "finalizer"})
    world.session("leaving", {"session": CONTAINER}, labels={"webhook": "status"})
    neighbour.run("one", PLAIN)

    said = told(world.wait_for("AmaltheaSession", "child", told))
    assert ("not found today" if "denies" in mood else 'the webhook "children.test.amalthea.dev"') in said
    assert "finalizer" in told(world.wait_for("AmaltheaSession", "finalizer", told))
    for name in ("child", "status", "finalizer"):
        world.make_pod_ready(name)
    world.wait_for_state("child", "Running")
    world.wait_for_state("finalizer", "Running")
    world.wait_for("StatefulSet", "leaving", bool)
    world.delete("AmaltheaSession", "leaving")
    world.wait_until_gone("StatefulSet", "leaving")
    silent = world.get("AmaltheaSession", "status")
    assert silent is not None
    assert "conditions" not in silent["status"]

    webhook.be(None)
    world.wait_for("Ingress", "child", bool, within=HEALED)
    world.wait_for("AmaltheaSession", "child", lambda session: not told(session), within=HEALED)
    world.wait_for_state("status", "Running", within=HEALED)
    world.wait_for("AmaltheaSession", "finalizer", lambda session: FINALIZER in finalizers(session), within=HEALED)
    world.wait_for("AmaltheaSession", "finalizer", lambda session: not told(session), within=HEALED)
