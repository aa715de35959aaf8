"""The parts of sessions for tests of `amalthea explain`: a description, statuses by hand, Events."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from amalthea.api.schema import Manifest
from amalthea.cli.read.snapshot import ClaimDetails, EventView, PodDetails, SessionSnapshot
from amalthea.model.views.observed import Observed
from amalthea.testing import observations as found
from amalthea.testing.builders import SessionBuilder, session
from tests.unit.cli.lives import BOUND, RUN

NOW = datetime(2026, 11, 22, 15, 10, tzinfo=UTC)
URL = "https://lab.example.org/sessions/demo/lab"

CULLING = {
    "maxAge": "24h",
    "maxIdleDuration": "1h",
    "maxStartingDuration": "3h",
    "maxFailedDuration": "6h0m0s",
    "maxHibernatedDuration": "720h",
    "cpuIdleThreshold": "300m",
}
LAB = session().with_ingress(useDefaultClusterTLSCert=True).with_token().with_spec(culling=CULLING)


def condition(kind: str, status: str, reason: str, message: str, since: str = "13:00:01") -> Manifest:
    """Return a condition of the session; times are of the day."""
    at = f"2026-11-22T{since}Z"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at}


def status(state: str, *conditions: Manifest, **fields: Any) -> Manifest:  # noqa: ANN401  (fields of any type)
    """Return a status with its Ready condition."""
    ready = condition("Ready", str(state == "Running"), state, f"It is {state}.", "13:00:40")
    given = {each["type"] for each in conditions}
    return {
        "state": state,
        "url": URL,
        "runID": RUN,
        "conditions": [*([] if "Ready" in given else [ready]), *conditions],
        **fields,
    }


def event(
    about: str, reason: str, message: str, at: str, *, count: int = 1, container: str = "", warning: bool = False
) -> EventView:
    """Return an Event as the API server keeps it; the time is of the day."""
    kind, name = about.split("/")
    stamp = f"2026-11-22T{at}Z"
    body = {
        "metadata": {"name": f"{name}.1"},
        "involvedObject": {"kind": kind, "name": name, "fieldPath": f"spec.containers{{{container}}}"},
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message,
        "count": count,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "eventTime": None,
    }
    return msgspec.convert(body, EventView)


STARTED = (
    event("AmaltheaSession/demo", "Running", "The session is ready.", "13:00:41"),
    event("StatefulSet/demo", "SuccessfulCreate", "create Pod demo-0 in StatefulSet demo successful", "13:00:01"),
    event("Pod/demo-0", "Scheduled", "Successfully assigned team/demo-0 to node-7", "13:00:02"),
    event("Pod/demo-0", "Pulling", 'Pulling image "example.org/lab:1"', "13:00:03"),
    event(
        "Pod/demo-0",
        "Pulled",
        'Successfully pulled image "example.org/lab:1" in 7.1s',
        "13:00:11",
    ),
    event("Pod/demo-0", "Created", "Created container amalthea-session", "13:00:12", container="amalthea-session"),
    event("Pod/demo-0", "Started", "Started container amalthea-session", "13:00:12", container="amalthea-session"),
)


def known(
    builder: SessionBuilder,
    recorded: Manifest,
    pod: Manifest | None = None,
    events: Iterable[EventView] = (),
    *,
    workload: Manifest | None = None,
    deleting: bool = False,
    claim: Manifest | None = BOUND,
) -> SessionSnapshot:
    """Return a session as it was found."""
    pods = () if pod is None else (pod,)
    observed: Observed = found.observed(
        builder, workload or found.statefulset(run_id=RUN), *pods, status=recorded, deleting=deleting
    )
    return SessionSnapshot(
        observed,
        pod=msgspec.convert(pod, PodDetails) if pod is not None else None,
        claim=msgspec.convert(claim, ClaimDetails) if claim is not None else None,
        events=tuple(events),
    )
