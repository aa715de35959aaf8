"""Too many Events bury what matters, and a missing one leaves a researcher in the dark: one at each transition."""

from typing import get_args

import pytest
from msgspec.structs import replace

from amalthea.api.event_reasons import EventReason
from amalthea.api.reasons import Reason
from amalthea.api.types import Condition, ContainerCounts, State, Status
from amalthea.model.status.transitions import transition


def status(
    state: State, reason: str = "", run_id: str | None = "01JD", *, error: str | None = None, ready: int = 0
) -> Status:
    return Status(
        state=state,
        run_id=run_id,
        error=error,
        container_counts=ContainerCounts(ready=ready, total=2),
        conditions=[Condition(type="Ready", status="False", reason=reason or str(state))],
    )


def warned(status: Status, kind: str) -> Status:
    """Return a status that announces something."""
    condition = Condition(type=kind, status="True", reason="Idle", message="The session will be paused.")
    return replace(status, conditions=[*(status.conditions or ()), condition])


NEW = Status()
STOPPING = status("NotReady", Reason.STOPPING, None)
DELETING = status("NotReady", Reason.DELETING)

EVENTS = {
    "it is ready": (status("NotReady"), status("Running"), EventReason.RUNNING, "Normal"),
    "it stops answering": (status("Running"), status("NotReady"), EventReason.NOT_READY, "Warning"),
    "it stops answering, degraded before": (
        status("RunningDegraded"),
        status("NotReady"),
        EventReason.NOT_READY,
        "Warning",
    ),
    "something beside it breaks": (status("Running"), status("RunningDegraded"), EventReason.DEGRADED, "Warning"),
    "all is well again": (status("RunningDegraded"), status("Running"), EventReason.RUNNING, "Normal"),
    "it fails": (status("Running"), status("Failed"), EventReason.FAILED, "Warning"),
    "it fails before its first run": (NEW, status("Failed"), EventReason.FAILED, "Warning"),
    "it is being paused": (status("Running"), STOPPING, EventReason.STOPPING, "Normal"),
    "it is being paused while it starts": (status("NotReady"), STOPPING, EventReason.STOPPING, "Normal"),
    "it is paused": (STOPPING, status("Hibernated", run_id=None), EventReason.HIBERNATED, "Normal"),
    "it is resumed": (status("Hibernated", run_id=None), status("NotReady"), EventReason.STARTING, "Normal"),
    "it is resumed before it was paused": (STOPPING, status("NotReady"), EventReason.STARTING, "Normal"),
    "it starts after a failure": (status("Failed"), status("NotReady"), EventReason.STARTING, "Normal"),
    "a job ends": (status("Running"), status("Succeeded"), EventReason.SUCCEEDED, "Normal"),
    "it is being deleted": (status("Running"), DELETING, EventReason.DELETING, "Normal"),
    "it is being deleted while it starts": (status("NotReady"), DELETING, EventReason.DELETING, "Normal"),
    "it will be paused soon": (
        status("Running"),
        warned(status("Running"), "StoppingSoon"),
        EventReason.STOPPING_SOON,
        "Warning",
    ),
    "it will be paused soon while it still starts": (
        status("NotReady"),
        warned(status("NotReady"), "StoppingSoon"),
        EventReason.STOPPING_SOON,
        "Warning",
    ),
    "it will be deleted soon": (
        status("Hibernated"),
        warned(status("Hibernated"), "DeletingSoon"),
        EventReason.DELETING_SOON,
        "Warning",
    ),
    "one event, though two things are new": (
        status("NotReady"),
        warned(status("Running"), "StoppingSoon"),
        EventReason.RUNNING,
        "Normal",
    ),
    "it is being deleted while it is paused": (
        status("Hibernated", run_id=None),
        status("NotReady", Reason.DELETING, None),
        EventReason.DELETING,
        "Normal",
    ),
}


@pytest.mark.parametrize(("old", "new", "reason", "kind"), EVENTS.values(), ids=EVENTS)
def test_each_transition_has_an_event(old: Status, new: Status, reason: EventReason, kind: str) -> None:
    event = transition(old, new)

    assert event is not None
    assert (event.reason, event.type) == (reason, kind)


NOISE = {
    "a new session starts": (NEW, status("NotReady")),
    "a container more is ready": (status("NotReady"), status("NotReady", ready=1)),
    "another warning": (status("NotReady", error="a"), status("NotReady", error="b")),
    "another error": (status("Failed", error="a"), status("Failed", error="b")),
    "taken over while it runs": (status("Running"), status("Running", run_id=None)),
    "taken over while it is paused": (status("Hibernated", "SessionCreated"), status("Hibernated")),
    "taken over while it starts": (status("NotReady", "SessionCreated"), status("NotReady")),
    "nothing is known of it yet": (NEW, status("NotReady", run_id=None)),
}


@pytest.mark.parametrize(("old", "new"), NOISE.values(), ids=NOISE)
def test_a_status_without_a_transition_has_no_event(old: Status, new: Status) -> None:
    assert transition(old, new) is None


@pytest.mark.parametrize("state", get_args(State))
def test_a_status_that_stays_is_not_reported_again(state: State) -> None:
    assert transition(status(state), status(state)) is None


def test_the_cause_of_a_failure_stands_in_its_event() -> None:
    event = transition(status("Running"), status("Failed", error="The image is gone."))

    assert event is not None
    assert event.message == "The session cannot run. The image is gone."


def test_an_event_is_never_longer_than_the_api_server_allows() -> None:
    event = transition(status("Running"), status("Failed", error="x" * 5000))

    assert event is not None
    assert len(event.message) == 1024
