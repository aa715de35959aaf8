"""The time that sessions have no operator when the leader ends, and the requests of the next one at its start.

`python -m bench.failover --sessions 1000`. Measured from outside: the Lease by a watch, all requests by the audit log.
A user pauses a session as the leader ends; the next leader has acted when that session's workload is written.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amalthea.api import names
from amalthea.engine.clock import SystemClock
from amalthea.kube.auth import config
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError
from amalthea.kube.lease import KubeLease
from bench import observer as seen
from bench.audit import AuditLog, Request
from bench.counts import count_of
from bench.crowd import WRITERS, Crowd
from bench.observer import BenchError, Observer
from bench.replica import OPERATOR_NAMESPACE, Replica
from bench.world import NAMESPACE, World, world
from lab.base.process import DaemonError
from lab.base.progress import Progress
from lab.programs.gobuild import BuildError

TAKEN_WITHIN = {"TERM": 1.0, "KILL": 16.0}
"""Seconds from the signal until another has the Lease: at once, or after its duration and one."""
ACTS_WITHIN = 2.0
"""Seconds that it may take from there to its first write, on any machine; a third of one is usual."""
STANDBY_BOUND = 6.0
"""Requests a minute of a replica that stands by; its watches end once in half an hour or more."""
_PATIENCE = 60.0
_POLL = 0.05
_LOOKS = ("get", "watch")


@dataclass(frozen=True)
class Ending:
    """The outcome of one leader's end, in seconds from the signal on."""

    name: str
    """Of the signal."""
    released: float | None
    """Until the Lease was free; None if the leader did not come to that."""
    taken: float
    acted: float
    requests: int
    """Of the next leader in its first while, by whatever reason."""


@dataclass(frozen=True)
class Found:
    """Everything that was measured."""

    window: float
    """Seconds of a leader's first while."""
    first_start: int
    """Requests of a first start in this while: nothing was in its memory."""
    standby: float
    """Requests a minute of a replica that stands by."""
    endings: list[Ending]


def broken(found: Found) -> list[str]:
    """Return a sentence for each bound that does not hold."""
    told = [
        f"after SIG{each.name} the Lease was taken after {each.taken:.2f} s, not {TAKEN_WITHIN[each.name]:g}"
        for each in found.endings
        if each.taken > TAKEN_WITHIN[each.name]
    ]
    told += [
        f"after SIG{each.name} the next leader led for {each.acted - each.taken:.2f} s before it acted"
        for each in found.endings
        if each.acted - each.taken > ACTS_WITHIN
    ]
    told += [
        f"the next leader made {each.requests} requests in {found.window:g} s, the first start {found.first_start}"
        for each in found.endings
        if each.requests > found.first_start
    ]
    if found.standby > STANDBY_BOUND:
        told.append(f"a replica that stands by makes {found.standby:.1f} requests a minute, not {STANDBY_BOUND:g}")
    return told


def render(found: Found) -> str:
    """Return the figures as a person reads them."""
    lines = [
        f"first start: {found.first_start} requests in {found.window:g} s",
        f"standing by: {found.standby:.1f} requests a minute",
    ]
    for each in found.endings:
        released = f"free after {each.released:.2f} s, " if each.released is not None else ""
        lines.append(
            f"SIG{each.name}: {released}taken after {each.taken:.2f} s, "
            f"first write after {each.acted:.2f} s, then {each.requests} requests in {found.window:g} s"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 1 if it failed, or if a bound does not hold."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sessions = [f"session-{number:04}" for number in range(chosen.sessions)]
    progress = Progress()
    try:
        with world(chosen.sessions, progress, replicas=2) as where:
            found = asyncio.run(_measure(where, sessions, chosen.window, progress))
    except (BenchError, BuildError, DaemonError, ApiError) as error:
        print(f"failover: {error}", file=sys.stderr)
        return 1
    print(render(found))
    wrong = broken(found)
    for sentence in wrong:
        print(f"failover: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


async def _measure(where: World, sessions: list[str], window: float, progress: Progress) -> Found:
    access = config.load({}, SystemClock(), where.control_plane.kubeconfig)
    one, two = where.replicas
    log = AuditLog(where.control_plane.audit_log)
    where.start_operator()
    async with Client(access, pool=WRITERS) as client:
        await _fill(client, sessions, progress)
        with progress.step("A first start"):
            await asyncio.to_thread(one.stop)
            log.news()
            await asyncio.to_thread(where.start_operator)
            await Crowd(client, NAMESPACE, [sessions[2]]).hibernate()  # as after each change
            await asyncio.sleep(window)
            first_start = len(_of_sessions(log.news()))
        with progress.step("Standing by"):
            await asyncio.to_thread(two.start, two.is_ready)
            while not any(each.resource == "leases" and each.verb == "watch" for each in log.news()):  # noqa: ASYNC110
                await asyncio.sleep(_POLL)
            await asyncio.sleep(window)
            standby = len([each for each in log.news() if _is_look(each)]) * 60 / window
        changeover = _Changeover(client, log, window)
        with progress.step("The leader is told to stop"):
            term = await changeover.after("TERM", sessions[0], one.stop, two)
        await asyncio.to_thread(one.start, one.is_ready)
        with progress.step("The leader is killed"):
            kill = await changeover.after("KILL", sessions[1], lambda: two.stop(grace=0), one)
    return Found(window, first_start, standby, [term, kill])


async def _fill(client: Client, sessions: list[str], progress: Progress) -> None:
    crowd = Crowd(client, NAMESPACE, sessions)
    async with Observer(client) as observer:
        with progress.step(f"Starting {len(sessions)} sessions") as step:
            await crowd.prepare()
            await crowd.create()
            await observer.until(seen.RUNNING, sessions, step)


class _Changeover:
    """Ends a leader and looks at what follows."""

    def __init__(self, client: Client, log: AuditLog, window: float) -> None:
        self._client = client
        self._log = log
        self._window = window
        self._lease = KubeLease(client, (OPERATOR_NAMESPACE, names.LEASE))

    async def after(self, name: str, session: str, end: Callable[[], None], heir: Replica) -> Ending:
        """End the leader, pause a session, and return when the heir led for the window."""
        found = await self._lease.get()
        if found is None:
            raise BenchError("there is no Lease")
        self._log.news()
        begun = time.time()
        released: float | None = None
        async with self._lease.watch(found.version) as records, asyncio.timeout(_PATIENCE):
            ending = asyncio.create_task(asyncio.to_thread(end))
            if name == "KILL":
                await Crowd(self._client, NAMESPACE, [session]).hibernate()
            async for record in records:
                if record is not None and not record.holder:
                    released = time.time() - begun
                    await Crowd(self._client, NAMESPACE, [session]).hibernate()
                if record is not None and record.holder == heir.identity:
                    break
            taken = time.time() - begun
            await ending
        await asyncio.sleep(self._window)
        # A leader that ends may write as long as it has the Lease; what comes then is the next one's.
        requests = [each for each in self._log.news() if each.at >= begun + (released or taken)]
        acted = [each.at for each in requests if each.resource == "statefulsets" and each.name == session]
        if not acted:
            raise BenchError(f"nobody has paused {session}")
        return Ending(name, released, taken, min(acted) - begun, len(_of_sessions(requests)))


def _of_sessions(requests: list[Request]) -> list[Request]:
    return [each for each in requests if each.resource != "leases"]


def _is_look(request: Request) -> bool:
    return request.resource == "leases" and request.verb in _LOOKS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.failover", description="Measures a change of the leader.")
    parser.add_argument(
        "--sessions", type=count_of("sessions"), default=1000, metavar="N", help="how many (default: 1000)"
    )
    parser.add_argument("--window", type=float, default=60.0, metavar="SECONDS", help="a first while (default: 60)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
