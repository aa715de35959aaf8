"""Lives of sessions, reported by the operator itself: each look at them goes through its own decide and report.

So no test rests on a status that no operator would write. `known` is what `amalthea explain` then finds.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from ulid import ULID

from amalthea.api.schema import Manifest
from amalthea.children.shared.url import session_url
from amalthea.cli.read.snapshot import ClaimDetails, EventView, PodDetails, SessionSnapshot
from amalthea.model.findings import Finding
from amalthea.model.plan import Fresh, decide
from amalthea.model.status.report import Context, as_data, report
from amalthea.model.views.door import Door, Look
from amalthea.model.views.observed import Observed
from amalthea.model.views.remote_job import RemoteJob, Word
from amalthea.model.views.usage import Usage
from amalthea.testing import observations as found
from amalthea.testing.builders import SessionBuilder

DAY = datetime(2026, 11, 22, tzinfo=UTC)


def at(time: str, *, days: int = 0) -> datetime:
    """Return a time of the day, or of one after it."""
    return datetime.fromisoformat(f"{DAY:%Y-%m-%d}T{time}Z") + timedelta(days=days)


def run_id(began: datetime) -> str:
    """Return the id of a run that began then."""
    return str(ULID.from_bytes(int(began.timestamp() * 1000).to_bytes(6, "big") + bytes(10)))


RUN = run_id(at("13:00:00"))
BOUND: Manifest = {**found.claim(), "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
PENDING: Manifest = found.claim("Pending")


@dataclass(frozen=True)
class Life:
    """A session, as its operator saw it last."""

    builder: SessionBuilder
    workload: Manifest | None = None
    pods: tuple[Manifest, ...] = ()
    claim: Manifest | None = field(default_factory=lambda: BOUND)
    status: Manifest = field(default_factory=lambda: {"state": "NotReady"})
    asked: tuple[Manifest, ...] | None = None
    """Events that the operator asked for: what only they tell."""
    deleting: bool = False

    def become(self, builder: SessionBuilder) -> "Life":
        """Change its description; the operator has not seen that yet."""
        return replace(self, builder=builder)

    def meet(self, workload: Manifest | None, *pods: Manifest, **more: Any) -> "Life":  # noqa: ANN401
        """Let there be these objects; the operator has not seen them yet."""
        return replace(self, workload=workload, pods=pods, **more)

    def look(
        self,
        when: datetime,
        *,
        cores: str | None = None,
        door: Look | None = None,
        job: Word | None = None,
        findings: Iterable[Finding] = (),
    ) -> "Life":
        """Let the operator look at what there is, and report it."""
        behind = any(each["name"] == "authproxy" for pod in self.pods for each in pod["spec"]["containers"])
        seen = replace(
            self.observed(),
            usage=Usage(Decimal(cores), when) if cores is not None else None,
            door=Door("192.0.2.1", door) if behind else None,
            remote_job=RemoteJob("192.0.2.1", job) if job is not None else None,
        )
        url = session_url(seen.spec, self.builder.settings) if seen.spec is not None else "None"
        outcome = report(seen, decide(seen, Fresh(lambda: RUN)), findings, Context(url, when))
        return replace(self, status=json.loads(msgspec.json.encode(as_data(outcome.status))))

    def observed(self) -> Observed:
        """Return what there is of it."""
        seen = found.observed(
            self.builder,
            self.workload,
            *self.pods,
            status=self.status,
            ingress=found.ingress() if self.pods and self.builder.raw.get("ingress") else None,
            deleting=self.deleting,
        )
        seen = found.with_claims(seen, self.claim) if self.claim is not None else seen
        return found.with_events(seen, *self.asked) if self.asked is not None else seen

    def known(self, *events: EventView) -> SessionSnapshot:
        """Return it as `amalthea explain` finds it."""
        seen = self.observed()
        uid = seen.pod.metadata.uid if seen.pod is not None else ""
        body = next((each for each in self.pods if each["metadata"]["uid"] == uid), None)
        return SessionSnapshot(
            seen,
            pod=msgspec.convert(body, PodDetails) if body is not None else None,
            claim=msgspec.convert(self.claim, ClaimDetails) if self.claim is not None else None,
            events=events,
        )
