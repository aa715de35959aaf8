"""Whatever happens to a session, in whatever order: what is decided comes to rest, and no pod restarts without reason.

The cluster's part in it is played by the acts below, in random order; `World` does the operator's part.
"""

from collections.abc import Callable

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from amalthea.children.changes import applied
from amalthea.testing.builders import session
from amalthea.testing.observations import READY_AT, condition, container, terminated, waiting
from tests.unit.children.world import World, touches_template

FULL = session().with_token().with_ingress().with_data_source("/data", "ds1").with_session(storage={"size": "2Gi"})
JOB = session().as_job().with_spec(culling={"maxAge": "8h"})


def toggle(world: World, **fields: object) -> None:
    """Give the spec fields that it does not have, or take them away again."""
    has_them = all(world.builder.raw.get(name) == value for name, value in fields.items())
    world.builder = world.builder.with_spec(**dict.fromkeys(fields) if has_them else fields)


def pause(world: World) -> None:
    world.builder = world.builder.with_spec(hibernated=not world.builder.raw["hibernated"])


def another_image(world: World) -> None:
    image = world.builder.raw["session"]["image"]
    world.builder = world.builder.with_session(
        image="example.org/lab:1" if image.endswith("2") else "example.org/lab:2"
    )


def another_size(world: World) -> None:
    size = world.builder.raw["session"].get("storage", {}).get("size")
    world.builder = world.builder.with_session(storage={"size": "1Gi" if size == "4Gi" else "4Gi"})


def upgrade(world: World) -> None:
    old = world.builder.settings.sidecars_image
    world.builder = world.builder.with_settings(
        sidecars_image="renku/sidecars:1" if old.endswith("2") else "renku/sidecars:2"
    )


def edit_template(world: World) -> None:
    if ("StatefulSet", "demo") in world.objects:
        held = world.template["spec"].get("shareProcessNamespace", False)
        world.edit(
            "StatefulSet", [{"op": "add", "path": "/spec/template/spec/shareProcessNamespace", "value": not held}]
        )


def edit_service(world: World) -> None:
    if ("Service", "demo") in world.objects:
        world.edit("Service", [{"op": "add", "path": "/spec/ports", "value": []}])


def delete_service(world: World) -> None:
    world.objects.pop(("Service", "demo"), None)


def delete_workload(world: World) -> None:
    for kind in ("StatefulSet", "Job"):
        world.objects.pop((kind, "demo"), None)
    world.pods = []


def is_awake(world: World) -> bool:
    for kind in ("StatefulSet", "Job"):
        if workload := world.objects.get((kind, "demo")):
            spec, ended = workload["spec"], workload.get("status", {}).get("conditions")
            return spec.get("replicas", 1) > 0 and not spec.get("suspend") and not ended
    return False


def pod(*statuses: Callable[[], object]) -> Callable[[World], None]:
    """Return the act by which the pod gets such containers, if it is to have any at all."""

    def act(world: World) -> None:
        if is_awake(world):
            world.start_pod(*(status() for status in statuses))  # type: ignore[arg-type]
        elif ("Job", "demo") not in world.objects:
            world.pods = []

    return act


def end_job(world: World) -> None:
    if ("Job", "demo") in world.objects and is_awake(world):
        world.start_pod(container(state=terminated(0)))
        world.workload["status"] = {"conditions": [condition("Complete", "True", READY_AT)]}


ready = pod(lambda: container(ready=True))
USERS_CHANGES = {"another image": another_image}
PLACE = {"another place": lambda world: toggle(world, nodeSelector={"gpu": "yes"})}
ACTS: dict[str, Callable[[World], None]] = {
    **USERS_CHANGES,
    **PLACE,
    "pause or resume": pause,
    "another size": another_size,
    "interaction": lambda world: toggle(world, culling={"lastInteraction": READY_AT}),
    "no ingress": lambda world: toggle(world, ingress={"host": "lab.example.org", "pathPrefix": "/a"}),
    "a bad spec": lambda world: toggle(world, priorityClassName="p", culling={"maxAge": "2 days"}),
    "upgrade": upgrade,
    "template edited": edit_template,
    "service edited": edit_service,
    "service deleted": delete_service,
    "workload deleted": delete_workload,
    "pod waits": pod(lambda: container(state=waiting("ContainerCreating"))),
    "pod starts": pod(container),
    "pod ready": ready,
    "pod fails": pod(lambda: container(state=terminated(1))),
    "pod cannot pull": pod(lambda: container(state=waiting("ImagePullBackOff", "not found"))),
    "something beside it fails": pod(lambda: container(ready=True), lambda: container("authproxy")),
    "job ends": end_job,
}
lives = st.lists(st.sampled_from(sorted(ACTS)), max_size=10)
strategies = st.sampled_from(["always", "whenFailedOrHibernated", "never"])
thorough = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def started(world: World) -> bool:
    statuses = [status for pod in world.pods for status in pod["status"]["containerStatuses"]]
    return any("waiting" not in status["state"] for status in statuses)


@thorough
@given(lives, strategies, st.booleans())
@example(["pod cannot pull", "workload deleted", "a bad spec"], "always", False)
def test_decisions_come_to_rest(life: list[str], strategy: str, as_job: bool) -> None:
    world = World((JOB if as_job else FULL).with_spec(reconcileStrategy=strategy))
    for act in ("pod waits", *life):
        ACTS[act](world)
        world.settle()
        status = world.status
        assert world.step().writes == ()
        assert world.status == status


@thorough
@given(lives, strategies)
def test_no_pod_restarts_without_its_users_change(life: list[str], strategy: str) -> None:
    world = World(FULL.with_spec(reconcileStrategy=strategy))
    world.settle()
    ready(world)
    world.settle()
    changed = False
    for act in life:
        ACTS[act](world)
        changed = changed or act in USERS_CHANGES
        runs = is_awake(world) and started(world)
        failing = world.status["state"] == "Failed" or act == "pod fails"
        changes = world.step()
        if touches_template(changes):
            assert not runs or failing or (changed and strategy == "always"), f"restarted by {act}"
            changed = False


@thorough
@given(st.lists(st.sampled_from(sorted(ACTS.keys() - {"template edited"})), max_size=10), strategies, st.booleans())
def test_none_of_our_own_writes_is_taken_for_somebody_elses(life: list[str], strategy: str, as_job: bool) -> None:
    world = World((JOB if as_job else FULL).with_spec(reconcileStrategy=strategy))
    for act in life:
        ACTS[act](world)
        world.settle()
        workload = world.observe().own_workload
        if workload is not None:
            record = applied.read(workload)
            assert record is not None
            assert record.generation >= workload.metadata.generation


@thorough
@given(lives)
def test_a_job_that_has_ended_never_runs_again(life: list[str]) -> None:
    world = World(JOB)
    world.settle()
    for act in ("pod ready", "job ends"):
        ACTS[act](world)
        world.settle()
    for act in life:
        was_there = ("Job", "demo") in world.objects
        ACTS[act](world)
        world.settle()
        assert was_there or ("Job", "demo") not in world.objects
        assert world.status["state"] == "Succeeded"


@thorough
@given(lives)
def test_a_session_is_paused_only_when_no_pod_is_left_and_its_volume_never_shrinks(life: list[str]) -> None:
    world, size = World(FULL), 0
    for act in life:
        ACTS[act](world)
        world.settle()
        assert world.status["state"] != "Hibernated" or not world.pods
        assert ("runID" in world.status) is (not world.builder.raw["hibernated"]) or world.status["state"] == "Failed"
        claim = world.objects.get(("PersistentVolumeClaim", "demo"))
        present = int(claim["spec"]["resources"]["requests"]["storage"][0]) if claim else 0
        assert present >= size
        size = present
