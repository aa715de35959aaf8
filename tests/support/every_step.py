"""Every pure step that the operator, its audit, its metrics and `amalthea explain` do with a session, one by one."""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Raw

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.changes.comparison import compare
from amalthea.children.changes.pod_template_changes import pod_spec_hash
from amalthea.children.changes.writes import Changes, Create
from amalthea.children.manifests import children
from amalthea.children.pod.pod_template_inputs import pod_relevant
from amalthea.children.secret import Material
from amalthea.children.shared.limits import TooLargeError
from amalthea.children.shared.subject import Subject
from amalthea.children.shared.url import NO_URL, session_url
from amalthea.cli import listing, text
from amalthea.cli.compose import compose
from amalthea.cli.read.snapshot import ClaimDetails, EventView, PodDetails, SessionSnapshot
from amalthea.cli.text import Terminal
from amalthea.model import last_resort
from amalthea.model.diagnosis.which_events import inquire
from amalthea.model.plan import Course, Fresh, Plan, decide, refused
from amalthea.model.status.milestones import milestones
from amalthea.model.status.report import Context, Outcome, as_data, report
from amalthea.model.status.transitions import transition
from amalthea.model.views import decoding, door
from amalthea.model.views.door import Door, NoAnswerError
from amalthea.model.views.observed import Observed
from amalthea.model.views.pods import PodView
from amalthea.operator.drift import DriftSearch
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.continuity import Continuity
from amalthea.operator.inputs.gather import gather
from amalthea.operator.inputs.usage_poller import _measured
from amalthea.operator.kinds import WATCHED
from amalthea.operator.telemetry import gauges
from amalthea.operator.telemetry.metrics import exposition
from amalthea.settings import BuildSettings, Settings
from amalthea.testing.builders import RUN_ID
from amalthea.testing.clock import FakeClock
from tests.support.odd_objects import KEY, UID, WORKLOAD_UID, World

T = TypeVar("T")

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
UNREADABLE = (msgspec.ValidationError,)
"""What a decoder may raise of an object: it is then left out, and named in the log."""


@dataclass
class Seen:
    """The outcome of a look at a world."""

    plan: Plan
    outcome: Outcome
    made: list[Manifest]
    changes: Changes

    @property
    def written(self) -> int:
        """Bytes of all children that are made, with their records."""
        made = (write.manifest for write in self.changes.writes if isinstance(write, Create))
        return sum(len(msgspec.json.encode(manifest)) for manifest in made)


def cpu(world: World, enough: float) -> tuple[Seen, float]:
    """Return what a pass finds, and its CPU seconds: the least of ten, for the machine may be slow at a moment.

    Fewer than `enough` are not measured again.
    """
    least = inf
    for _ in range(10):
        caches = caches_of(world)
        began = time.process_time()
        seen = planned(gathered(world, caches))
        least = min(least, time.process_time() - began)
        if least < enough:
            break
    return seen, least


def raw(body: object) -> Raw:
    """Return JSON as the API server sends it."""
    return Raw(msgspec.json.encode(body))


def caches_of(world: World) -> Caches:
    """Return the caches of an operator that sees this world. Raises msgspec.ValidationError if there is no session."""
    caches = Caches(lambda *_: None)
    caches.stores[names.KIND].observe(decoding.session(raw(world.session)))
    for kind, body in world.children:
        with suppress(*UNREADABLE):
            caches.stores[kind].observe(WATCHED[kind].decode(raw(body)))
    caches.silent_for = lambda _: 600.0 if world.blind else 0.0
    return caches


def look(world: World, caches: Caches) -> Seen:
    """Do a pass, make what it wants, and do another one; return what came of that."""
    first = planned(gathered(world, caches))
    created = [write.manifest for write in first.changes.writes if isinstance(write, Create)]
    for manifest in created:
        _make(caches, manifest)
    seen = replace(planned(gathered(world, caches)), made=created)
    observed = gathered(world, caches)
    known = last_resort.Known(observed.session, observed.pods, observed.claims)
    assert None in (last_resort.pause(known), last_resort.deletion(known))
    former, status = observed.session.status, seen.outcome.status
    msgspec.json.encode([as_data(status), transition(former, status)])
    list(milestones(NOW, former, status, NOW))
    return seen


def gathered(world: World, caches: Caches) -> Observed:
    """Return all that is known of the session."""
    continuity = Continuity()
    continuity.begin_term(caches.sessions(), NOW, NOW - timedelta(minutes=1))
    measured = dict(_measured(raw(world.measurement), NOW))
    for session, usage in measured.items():
        continuity.measured(session, usage.at)
    events = []
    for body in world.events:
        with suppress(*UNREADABLE):
            events.append(decoding.event(raw(body)))
    observed = gather(caches, KEY, next(iter(measured.values()), None), tuple(events), next(iter(_pods(caches)), None))
    assert observed is not None
    inquire(observed)
    with suppress(NoAnswerError):
        observed = replace(observed, door=Door("192.0.2.1", door.read(world.door, NOW)))
    return replace(observed, unheard=caches.unheard, idle_from=continuity.idle_from(KEY))


def planned(observed: Observed) -> Seen:
    """Decide and build."""
    plan, made = decide(observed, Fresh(lambda: RUN_ID)), list[Manifest]()
    changes = Changes()
    if plan.course is Course.DELETE:
        assert observed.adopted_secrets is not None
    elif plan.course is Course.REFUSE or observed.spec is None:
        changes = compare(observed, plan, (), pod_spec_hash({}))
    else:
        subject = Subject(*KEY, UID, observed.spec, BuildSettings(), plan.run_id)
        try:
            made = children(subject, Material("a", "b"))
            changes = compare(observed, plan, made, pod_spec_hash(pod_relevant(decoding.raw_spec(observed.session))))
        except TooLargeError as error:
            plan = refused(observed, (error.problem,))
    url = session_url(observed.spec, BuildSettings()) if observed.spec is not None else None
    outcome = report(observed, plan, changes.findings, Context(url or NO_URL, NOW))
    return Seen(plan, outcome, made, changes)


def audited(children: Iterable[tuple[str, Manifest]], caches: Caches) -> None:
    """Look for drift in children, as a new leader does; unlike the audit itself, raise what it meets."""
    audit = DriftSearch(cast("Any", None), caches, Settings(namespace=None), FakeClock(NOW), cast("Any", None))
    for kind, body in children:
        if kind != "Pod":
            with suppress(*UNREADABLE):
                audit._is_edited(kind, WATCHED[kind].decode(raw(body)), raw(body))


def edited(world: World, seen: Seen) -> Iterator[tuple[str, Manifest]]:
    """Yield the children that were made, each with the sections of the odd one of its kind."""
    others = dict(world.children)
    for manifest in seen.made:
        kind = manifest["kind"]
        sections = {part: body for part, body in others.get(kind, {}).items() if part != "metadata"}
        yield kind, {**manifest, **sections, "metadata": _metadata(manifest)}


def scraped(caches: Caches) -> str:
    """Return what Prometheus reads."""
    return "".join(exposition(list(gauges.rows(caches, FakeClock(NOW)))))


def explained(world: World, observed: Observed) -> str:
    """Return the answer to a user who asks for the session's state."""
    pods = _read(PodDetails, (body for kind, body in world.children if kind == "Pod"))
    claims = _read(ClaimDetails, (body for kind, body in world.children if kind == "PersistentVolumeClaim"))
    events = _read(EventView, world.events)
    known = SessionSnapshot(observed, next(iter(pods), None), next(iter(claims), None), tuple(events))
    explanation = compose.explanation(known, "kubectl", NOW)
    msgspec.json.encode(explanation)
    lines = listing.render(listing.listing(KEY[0], [known], NOW), Terminal())
    return text.render(explanation, Terminal()) + lines


def _read(kind: type[T], bodies: Iterable[Manifest]) -> list[T]:
    found = []
    for body in bodies:
        with suppress(*UNREADABLE):
            found.append(msgspec.json.decode(raw(body), type=kind))
    return found


def _make(caches: Caches, manifest: Manifest) -> None:
    """Let a child be there as it was written."""
    caches.observe(manifest["kind"], raw({**manifest, "metadata": _metadata(manifest)}))


def _metadata(manifest: Manifest) -> Manifest:
    uid = WORKLOAD_UID if "template" in manifest.get("spec", {}) else manifest["kind"]
    return {"uid": uid, "resourceVersion": "8", "generation": 1, **manifest["metadata"]}


def _pods(caches: Caches) -> tuple[PodView, ...]:
    return caches.several("Pod", KEY)
