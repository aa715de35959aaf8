"""A failure that comes and goes must be reported as one: the same state, the same words, until it is really over."""

from datetime import UTC, datetime, timedelta

import pytest

from amalthea.api.schema import Manifest
from amalthea.api.types import ContainerCounts
from amalthea.model.state import Verdict, judge
from amalthea.model.status.timeouts import changes_at, in_time
from amalthea.model.views.observed import Observed
from amalthea.testing.builders import session
from amalthea.testing.observations import STARTED, container, observed, pod, running, statefulset, terminated, waiting

AWAKE, ASLEEP = statefulset(ready=1), statefulset(replicas=0)
PAUSED = session().hibernated()
READY = pod(container(ready=True))
RUNNING: Manifest = {"state": "Running"}
FAILING: Manifest = {"state": "Failed", "error": "It broke.", "failingSince": STARTED}
NOW = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)


def seconds_ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def lingering(seen: Observed) -> Verdict:
    return in_time(seen, judge(seen), NOW)


LINGERING = {
    "it runs again, a moment after a crash": (
        "Failed",
        observed(None, statefulset(), pod(container(state=running(seconds_ago(20)))), status=FAILING),
    ),
    "it has run for two minutes without a crash": (
        "NotReady",
        observed(None, statefulset(), pod(container(state=running(seconds_ago(120)))), status=FAILING),
    ),
    "it is ready": ("Running", observed(None, AWAKE, READY, status=FAILING)),
    "its pod is being replaced": ("Failed", observed(None, statefulset(), status=FAILING)),
    "it was paused": ("NotReady", observed(PAUSED, ASLEEP, READY, status=FAILING)),
    "it is being deleted": ("NotReady", observed(None, statefulset(), status=FAILING, deleting=True)),
    "it did not fail before": (
        "NotReady",
        observed(None, statefulset(), pod(container(state=running(seconds_ago(20))))),
    ),
    "its spec was wrong, and was corrected": (
        "NotReady",
        observed(None, statefulset(), status={**FAILING, "conditions": [{"type": "Accepted", "status": "False"}]}),
    ),
    "a quota left no room for it, and does now": (
        "NotReady",
        observed(
            None, statefulset(), status={**FAILING, "conditions": [{"type": "ChildrenInPlace", "status": "False"}]}
        ),
    ),
}


@pytest.mark.parametrize(("state", "seen"), LINGERING.values(), ids=LINGERING)
def test_failed_is_left_when_ready_paused_or_calm_and_does_not_flap(state: str, seen: Observed) -> None:
    assert lingering(seen).state == state


def test_a_lingering_failure_keeps_its_words_and_the_counts_of_now() -> None:
    seen = observed(None, statefulset(), pod(container(state=running(seconds_ago(20)))), status=FAILING)

    assert lingering(seen).error == "It broke."
    assert lingering(seen).containers == ContainerCounts(total=1)
    assert changes_at(seen, seen.session.status, NOW) == NOW + timedelta(seconds=100)


def test_the_words_of_the_runtime_are_reported_once_as_long_as_the_cause_is_the_same() -> None:
    def error(status: Manifest, said: str) -> str | None:
        body = pod(container(state=waiting("ImagePullBackOff", said)))
        return judge(observed(None, statefulset(), body, status=status)).error

    first = error(RUNNING, "dial tcp 10.0.0.1:43512: i/o timeout")
    again = error({"state": "Failed", "error": first}, "dial tcp 10.0.0.1:51012: i/o timeout")

    assert first == again


def test_the_last_words_of_an_earlier_crash_are_not_those_of_a_crash_without_any() -> None:
    def error(status: Manifest, said: str) -> str | None:
        body = pod(container(state=terminated(1, message=said)))
        return judge(observed(None, statefulset(), body, status=status)).error

    first = error(RUNNING, "no such file")
    again = error({"state": "Failed", "error": first}, "")

    assert first == f"{again} Its last message: no such file"


def test_another_failure_is_reported_in_its_own_words() -> None:
    body = pod(container(state=terminated(2)))
    seen = observed(None, statefulset(), body, status=FAILING)

    assert judge(seen).error == "The container amalthea-session ended with exit code 2; check its log for the cause."
