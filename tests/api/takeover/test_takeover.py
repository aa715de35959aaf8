"""A cluster that the Go operator left behind: taken over, nobody notices; at its next start each session is ours."""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest

from amalthea.api import names
from amalthea.api.types import Spec
from amalthea.children.changes.patches import OWNED
from amalthea.children.manifests import children
from amalthea.children.secret import Material, material_from
from amalthea.children.shared.subject import Subject
from amalthea.settings import BuildSettings
from tests.api.operator.conftest import Operators
from tests.api.takeover import left_behind
from tests.api.takeover.left_behind import BROUGHT_UP_TO_DATE, RELEASES, SIDECARS, Change, Key, Left
from tests.support.processes import OperatorProcess
from tests.support.world import POLL_INTERVAL, WITHIN, Object, World, as_written, condition

pytestmark = pytest.mark.timeout(180)
READ_BY_CLIENTS = ("state", "url", "runID", "idle", "idleSince", "hibernatedSince", "containerCounts")
UNKNOWN = Material("", "")
"""Stands for secrets that are never drawn here: what is there holds them."""


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_what_the_go_operator_left_is_neither_restarted_nor_made_again(
    release: Change, world: World, operators: Operators
) -> None:
    left = left_behind.load(world, release)
    before = {each.name: identities(world, each) for each in left}
    first = operators(SIDECARS_IMAGE=SIDECARS).start()
    wait_until_settled(world, first, left)
    assert {each.name: identities(world, each) for each in left} == before
    for each in left:
        status = stored(world, names.KIND, each.name)["status"]
        for field in READ_BY_CLIENTS:
            assert status.get(field) == each.session["status"].get(field), f"{field} of {each.name}"
    found = {each.name: world_of(world, each) for each in left}
    first.terminate()
    second = operators(SIDECARS_IMAGE=SIDECARS).start()
    wait_until_settled(world, second, left)
    assert {each.name: world_of(world, each) for each in left} == found, "a restart of the operator writes nothing"
    assert {each.name: identities(world, each) for each in left} == before


@pytest.mark.parametrize("release", BROUGHT_UP_TO_DATE.values(), ids=BROUGHT_UP_TO_DATE)
def test_each_session_comes_back_from_a_pause_as_ours_would_make_it(
    release: Change, world: World, operators: Operators
) -> None:
    left = [each for each in left_behind.load(world, release) if each.name != "job"]
    operators(SIDECARS_IMAGE=SIDECARS).start()
    for each in left:
        world.patch_spec(each.name, hibernated=True)
        world.wait_for_state(each.name, "Hibernated")
        world.patch_spec(each.name, hibernated=False)
    for each in left:
        world.make_pod_ready(each.name)
        session = world.wait_for_state(each.name, "Running")
        assert condition(session, "UpdatePending") is None, each.name
        assert session["status"]["runID"] != each.session["status"].get("runID")
        assert [found for found in compared(world, session) if found.ours != found.theirs] == []
        for key, child in each.children.items():
            assert key[0] == "Ingress" or stored(world, *key)["metadata"]["uid"] == child["metadata"]["uid"], key


def test_a_job_at_work_runs_on_and_is_ours_after_a_pause(world: World, operators: Operators) -> None:
    (left,) = left_behind.load(world, left_behind.of_today_at_work, ["job"])
    before = identities(world, left)
    operator = operators(SIDECARS_IMAGE=SIDECARS).start()
    wait_until_settled(world, operator, [left])
    assert identities(world, left) == before
    assert world.wait_for_state("job", "Running")["status"]["runID"] == left.session["status"]["runID"]
    world.patch_spec("job", hibernated=True)
    world.wait_for_state("job", "Hibernated")
    world.patch_spec("job", hibernated=False)
    former = left.children["Job", "job"]["metadata"]["uid"]
    again = world.wait_for("Job", "job", lambda job: job["metadata"]["uid"] != former)
    assert again["metadata"]["annotations"][names.ANNOTATION_RUN_ID] > left.session["status"]["runID"]
    for key, child in left.children.items():
        assert key[0] == "Job" or stored(world, *key)["metadata"]["uid"] == child["metadata"]["uid"], key


def test_what_the_go_operator_left_too_much_goes_with_the_next_start(world: World, operators: Operators) -> None:
    left_behind.load(world, left_behind.with_stale_fields, ["minimal"])
    operators(SIDECARS_IMAGE=SIDECARS).start()
    session = world.wait_for(names.KIND, "minimal", lambda session: condition(session, "UpdatePending"))
    assert stored(world, "StatefulSet", "minimal")["spec"]["template"]["spec"]["hostname"] == "stale"
    world.patch_spec("minimal", hibernated=True)
    world.wait_for_state("minimal", "Hibernated")
    world.patch_spec("minimal", hibernated=False)
    world.make_pod_ready("minimal")
    session = world.wait_for_state("minimal", "Running")
    assert [found for found in compared(world, session) if found.ours != found.theirs] == []


def test_a_session_that_was_taken_over_takes_what_it_adopted_along(world: World, operators: Operators) -> None:
    left_behind.load(world, left_behind.of_today, ["token"])
    operators(SIDECARS_IMAGE=SIDECARS).start()
    world.delete(names.KIND, "token")
    world.wait_until_nothing_is_left("token")
    left = {secret for secret in left_behind.SECRETS if world.get("Secret", secret) is not None}
    assert left == {"ds2", "rsecret", "tls"}, "door, gitcred, ds1 and pull were adopted"


def wait_until_settled(world: World, operator: OperatorProcess, left: list[Left]) -> None:
    """Return when the operator has looked at all sessions and has nothing more to do."""
    for each in left:
        if each.waits:
            world.wait_for(names.KIND, each.name, lambda session: condition(session, "UpdatePending"))
    deadline = time.monotonic() + WITHIN
    while passes(operator) < len(left) or "amalthea_queue_depth 0.0" not in operator.metrics():
        assert time.monotonic() < deadline, f"not settled after {WITHIN} s:\n{operator.log}"
        time.sleep(POLL_INTERVAL)


def passes(operator: OperatorProcess) -> int:
    """Return how often the operator has looked at a session."""
    rows = re.findall(r"^amalthea_reconciles_total\{.*\} (\S+)", operator.metrics(), re.MULTILINE)
    return int(sum(map(float, rows)))


def stored(world: World, kind: str, name: str) -> Object:
    """Return an object that must be there."""
    found = world.get(kind, name)
    assert found is not None, f"{kind} {name} is gone"
    return found


def identities(world: World, left: Left) -> dict[Key, tuple[object, ...]]:
    """Return UID, pod template and its generation of each child, and the UID of the pod."""
    found = {key: stored(world, *key) for key in left.children}
    pods = {
        ("Pod", pod["metadata"]["name"]): (pod["metadata"]["uid"],) for pod in left_behind.pods_of(world, left.name)
    }
    return {key: (body["metadata"]["uid"], *_template(body)) for key, body in found.items()} | pods


def _template(body: Object) -> tuple[object, ...]:
    """Return the pod template, and how often the spec around it was changed."""
    if body["kind"] not in ("StatefulSet", "Job"):
        return ()
    return body["spec"]["template"], body["metadata"]["generation"]


def world_of(world: World, left: Left) -> dict[Key, Object]:
    """Return all that the operator writes of a session: its children and its status."""
    session = stored(world, names.KIND, left.name)
    return {key: as_written(world.get(*key)) for key in left.children} | {(names.KIND, left.name): session}


class Found(NamedTuple):
    """A section of a child: as a new session would have it, and as it is."""

    section: str
    ours: object
    theirs: object


def compared(world: World, session: Object) -> Iterator[Found]:
    """Yield each section that the operator owns of the session's children.

    The API server fills in its defaults without keeping the new child.
    """
    for manifest in manifests(world, session):
        kind, metadata = manifest["kind"], manifest["metadata"]
        would_be = manifest | {"metadata": metadata | {"name": "would-be"}}
        new = world.api.post(world.path(kind) + "?dryRun=All", would_be)
        there = stored(world, kind, metadata["name"])
        for section in OWNED[kind]:
            ours, theirs = (each.get(section, each.get("spec", {}).get(section)) for each in (new, there))
            yield Found(f"{kind}.{section}", ours, theirs)


def manifests(world: World, session: Object) -> list[Object]:
    """Return the manifests of a session's children, as our operator makes them today."""
    metadata, run_id = session["metadata"], session["status"]["runID"]
    spec, settings = msgspec.convert(session["spec"], Spec), BuildSettings(sidecars_image=SIDECARS)
    subject = Subject(world.namespace, metadata["name"], metadata["uid"], spec, settings, run_id)
    secret = stored(world, "Secret", names.internal_secret(metadata["name"]))
    return children(subject, material_from(secret.get("data"), UNKNOWN))
