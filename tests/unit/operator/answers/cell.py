"""One cell of the table: the operator before an API server that gives one answer to one kind of request, for a while.

Three sessions live through it: `demo`, which needs that request; `limited`, which needs it too, reaches its age and is
then deleted by its user; and a `demo` in another namespace, where nothing is wrong.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.kube.auth.config import Config
from amalthea.kube.client import Client
from amalthea.operator.instance import Operator
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings
from amalthea.testing.api_server.objects import Choice, Objects, Refusal
from amalthea.testing.api_server.verbs import Wanted
from amalthea.testing.builders import SessionBuilder
from amalthea.testing.clock import FakeClock
from tests.support.controllers import KINDS, Controllers
from tests.support.wire import Answer, Wire, at_rest
from tests.unit.operator.answers.essence import essence
from tests.unit.operator.answers.outcome import Log, Outcome
from tests.unit.operator.answers.rows import LEASES, Change, Row

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
TEAM, OTHERS = "team", "others"
BEGINS, LIMIT, LIMIT_OBEYED, DELETED, HEALS, WELL, QUIET = 120, 360, 420, 480, 720, 840, 1020
"""Seconds: when the trouble begins, when `limited` reaches its age, by when it is paused, when its user deletes it and
by when it is gone, when the trouble ends, by when all is well, and until when nothing more is written."""
PER_MINUTE = 4
"""Further attempts at a request that failed in any minute, at most."""
PER_MINUTE_AT_THE_LEASE = 36
"""One each two seconds, and one more where a term of ten seconds ends: the lease is then asked for at once."""


class Cell:
    """The world of one cell."""

    def __init__(self, row: Row, answer: Answer | None) -> None:
        self._row = row
        self._answer = answer
        self._clock = FakeClock(START, at_rest)
        self._objects = Objects(self._clock.now)
        self._wire = Wire(self._objects, self._clock)
        self._controllers = Controllers(self._objects, self._clock)
        self._trouble = False
        self._failed: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
        self._log = Log()
        self._wire.fault = self._fault
        self._registry = CollectorRegistry()
        self._counted = 0.0
        self._controllers.make_pods = row.pods

    async def run(self) -> Outcome:
        """Live through it."""
        root = logging.getLogger("amalthea")
        root.addHandler(self._log)
        self._controllers.measure()
        await self._start_operator()
        try:
            return await self._live(Outcome())
        finally:
            root.removeHandler(self._log)
            await self._stop_operator()

    async def _start_operator(self) -> None:
        client = Client(Config(server="http://in-this-process"))
        client.transport = self._wire
        self._registry = CollectorRegistry()
        settings = Settings(namespace=None, identity="pod", lease_namespace=TEAM)
        operator = Operator(client, settings, OperatorMetrics(self._registry), clock=self._clock)
        elector = operator.elector(client) if self._row.elects else None
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(operator.run(self._stop, elector))

    async def _stop_operator(self) -> None:
        self._stop.set()
        await self._clock.advance(10)
        await self._running

    async def _live(self, outcome: Outcome) -> Outcome:
        builders = self._builders()
        if self._row.change is not None or self._row.deleted:
            self._create(builders)
            await self._until(BEGINS - 60)
            if self._row.before is not None:
                self._change(builders, self._row.before)
            await self._until(BEGINS)
            await self._begin()
            if self._row.change is not None:
                self._change(builders, self._row.change)
            for builder in builders if self._row.deleted else ():
                if builder.name != "limited":
                    self._delete(builder.namespace, builder.name)
        else:
            await self._until(BEGINS)
            await self._begin()
            self._create(builders)
        await self._until(LIMIT_OBEYED + BEGINS)
        self._expect_limits(outcome)
        if "deletion" in self._row.promises:
            self._delete(TEAM, "limited")
        await self._until(DELETED + BEGINS)
        self._expect_deletion(outcome)
        await self._until(HEALS)
        self._take_down(outcome)
        self._trouble = False
        await self._until(WELL)
        outcome.well, outcome.others = self._found(TEAM), self._found(OTHERS)
        before = len(self._writes())
        await self._until(QUIET)
        if after := self._writes()[before:]:
            outcome.wrong.append(f"goes on writing after all is well: {after[:3]}")
        return outcome

    def _builders(self) -> tuple[SessionBuilder, ...]:
        demo = self._row.session
        limited = replace(demo, name="limited").with_spec(culling={"maxAge": f"{LIMIT}s"})
        return tuple(map(_with_own_secret, (demo, limited, replace(demo, namespace=OTHERS))))

    def _create(self, builders: tuple[SessionBuilder, ...]) -> None:
        for builder in builders:
            self._objects.create(KINDS["Secret"], builder.namespace, {"metadata": {"name": f"pull-{builder.name}"}})
            self._objects.create(KINDS[names.KIND], builder.namespace, builder.manifest())

    async def _begin(self) -> None:
        if self._row.starts:
            await self._stop_operator()
        self._trouble = self._answer is not None
        if self._row.starts:
            await self._start_operator()
        if self._row.hangs_up:
            self._wire.hang_up()
        self._counted = self._count()

    def _count(self) -> float:
        """Return the counts of the metrics that have to show the trouble."""
        found = (self._registry.get_sample_value(name, dict(labels)) for name, labels in self._row.counted)
        return sum(filter(None, found))

    def _change(self, builders: Iterable[SessionBuilder], change: Change) -> None:
        for builder in builders:
            if builder.name != "limited" or "limits" in self._row.promises:
                key = (builder.namespace, builder.name)
                held = self._objects.get(KINDS[names.KIND], key)
                self._objects.update(KINDS[names.KIND], key, change(held))

    def _delete(self, namespace: str, name: str) -> None:
        try:
            self._objects.delete(KINDS[names.KIND], (namespace, name), {})
        except Refusal:
            return

    async def _until(self, moment: float) -> None:
        await self._clock.advance(moment - self._clock.monotonic())

    def _fault(self, request: Wanted, body: bytes) -> Answer | None:
        if not self._trouble or request.namespace not in (TEAM, None):
            return None
        sent = msgspec.json.decode(body) if body else {}
        if not self._row.takes(request, sent):
            return None
        metadata = sent.get("metadata", {}) if isinstance(sent, dict) else {}
        name = request.name or metadata.get("name") or str(sent.get("message", "") if isinstance(sent, dict) else "")
        streamed = "as a stream" if "sendInitialEvents" in request.query else ""  # another request than for pages
        self._failed[request.verb, request.kind, name, request.subresource, streamed].append(self._clock.monotonic())
        return self._answer

    def _expect_limits(self, outcome: Outcome) -> None:
        if "limits" in self._row.promises:
            held = self._objects.get(KINDS[names.KIND], (TEAM, "limited"))
            if not held["spec"]["hibernated"]:
                outcome.wrong.append("a session outlives its limit")

    def _expect_deletion(self, outcome: Outcome) -> None:
        if "deletion" in self._row.promises and (left := self._belongings("limited")):
            outcome.wrong.append(f"a deleted session leaves {left}")

    def _belongings(self, name: str) -> list[str]:
        found = ((kind, each["metadata"]) for kind in KINDS for each in self._objects.select(Choice(KINDS[kind], TEAM)))
        mine = (f"{kind} {each['name']}" for kind, each in found if kind != "Event")
        return [each for each in mine if each.split()[1].startswith(name)]

    def _take_down(self, outcome: Outcome) -> None:
        """Note how things are at the end of the trouble."""
        allowed = PER_MINUTE_AT_THE_LEASE if self._row.elects else PER_MINUTE
        for what, moments in self._failed.items():
            most = max((sum(0 <= each - first < 60 for each in moments[1:]) for first in moments[1:]), default=0)
            if most > allowed:
                outcome.wrong.append(f"{' '.join(what)} is tried {most} times in a minute")
        if self._answer is not None and not self._failed:
            outcome.wrong.append("the request was never made")
        if self._answer is not None and self._row.counted and self._count() <= self._counted:
            outcome.wrong.append("no metric tells of it")
        outcome.reported = self._reported()

    def _reported(self) -> tuple[str, str]:
        """Return what people learn of the trouble: in a word or two, and in sentences."""
        status = self._found(TEAM).get("AmaltheaSession demo", {}).get("status", {})
        reported = [each for each in status.get("conditions", ()) if each[0] in _REPORTING]
        if reported:
            reasons = ", ".join(reason for _, _, reason, _ in reported)
            return f"{status['state'] or 'NotReady'}, {reasons}", " ".join(message for *_, message in reported)
        said = "; ".join(f"Log: {said}." for said in dict.fromkeys(self._log.said))
        return ("log", said) if said else ("nothing", "Nothing.")

    def _found(self, namespace: str) -> dict[str, Any]:
        """Return all of `demo` in a namespace, without versions, UIDs, times and what was drawn."""
        return {
            f"{kind} {each['metadata']['name']}": essence(each)
            for kind, path in KINDS.items()
            for each in self._objects.select(Choice(path, namespace))
            if kind != "Event" and "limited" not in each["metadata"]["name"]
        }

    def _writes(self) -> list[str]:
        made = (each.request for each in self._wire.sent if each.request.verb in ("create", "patch", "delete"))
        made = (each for each in made if each.kind != LEASES)
        return [f"{each.verb} {each.kind} {each.namespace}/{each.name} {each.subresource}" for each in made]


_REPORTING = ("Accepted", "ChildrenInPlace", "StorageSized", "UpdatePending", "Healthy", "Idle")


def _with_own_secret(builder: SessionBuilder) -> SessionBuilder:
    if "imagePullSecrets" not in builder.raw:
        return builder
    return builder.with_spec(imagePullSecrets=[{"name": f"pull-{builder.name}", "adopt": True}])
