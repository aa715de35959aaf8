"""The chaos: users create, pause, resume and delete sessions while the operator and what it needs break around them.

`python -m bench.chaos --sessions 200 --minutes 3`. In the end each session must be as its user left it, nothing may
have been made twice, and nobody may have been paused but on request.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from amalthea.api import names
from amalthea.engine.clock import SystemClock
from amalthea.kube.auth import config
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError
from amalthea.kube.resource import Selection
from amalthea.model.views.objects import ChildView
from amalthea.operator.kinds import CHILD_KINDS, EVENTS, PODS, SESSIONS
from bench import havoc, skew, users
from bench.audit import AuditLog, Request, history
from bench.counts import count_of
from bench.crowd import WRITERS
from bench.failing_pods import fragile
from bench.havoc import Harm
from bench.observer import BenchError, patience
from bench.scripts import Script, script
from bench.verdict import Event, Found, Session, faults
from bench.world import NAMESPACE, World, world
from lab.base import state
from lab.base.process import DaemonError
from lab.base.progress import Progress
from lab.programs.gobuild import BuildError

CLOCK_AHEAD = 300
"""Seconds by which the clock of one replica is ahead."""
RECOVERY = 240.0
"""Seconds: after an outage Kubernetes' own controllers come back by turns, and each backs off for up to a minute."""
KEPT = "chaos-failed"
"""The folder of the logs of the last chaos that did harm, in that of the lab."""
_POLL = 2.0
_SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chaos; return 1 if anything is not as it should be in the end."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seconds = chosen.minutes * 60
    scripts = {f"session-{number:04}": script(number, seconds) for number in range(chosen.sessions)}
    progress = Progress()
    try:
        # The pods are played: nobody listens at their addresses.
        settings = {"AMALTHEA_USAGE_INTERVAL": "1s", "AMALTHEA_ASK_DOORS": "false"}
        with world(chosen.sessions, progress, chosen.replicas, apart=True, **settings) as where:
            _start(where, progress)
            harm = Harm(seconds, chosen.kill_every, chosen.outage, chosen.cut_every, chosen.cut)
            found = asyncio.run(_run(where, scripts, harm, progress))
            found += [told for replica in where.replicas for told in ended_by_itself(replica.log)]
            if found:
                _keep(where, scripts, found, progress)
    except (BenchError, BuildError, DaemonError, ApiError) as error:
        found = [str(error)]
    for sentence in found[:_SHOWN]:
        print(f"chaos: {sentence}", file=sys.stderr)
    print(f"{len(found)} things are wrong." if found else f"All {len(scripts)} sessions are as their users left them.")
    return 1 if found else 0


def _start(where: World, progress: Progress) -> None:
    """Start all operators; where there are several, the clock of the last is ahead."""
    if len(where.replicas) > 1:
        last = where.replicas[-1]
        last.place = replace(last.place, environment=skew.ahead(CLOCK_AHEAD, progress))
    with progress.step(f"Starting {len(where.replicas)} operators"):
        for replica in where.replicas:
            replica.start(replica.is_ready)


def _keep(where: World, scripts: Collection[str], found: Sequence[str], progress: Progress) -> None:
    """Keep the logs, and print what the operators asked of the API server about the first session that suffered."""
    logs = state.root() / KEPT
    where.keep_logs(logs)
    progress.say(f"  The logs are in {logs}")
    for name in [name for name in scripts if name in found[0]][:1]:
        for line in history(AuditLog(where.control_plane.audit_log).news(), name):
            progress.say(f"  {name} {line}")


async def _run(where: World, scripts: dict[str, Script], harm: Harm, progress: Progress) -> list[str]:
    access = config.load({}, SystemClock(), where.control_plane.kubeconfig)
    log, weak = AuditLog(where.control_plane.audit_log), fragile(list(scripts))
    async with Client(access, pool=WRITERS) as client:
        with progress.step(f"Chaos around {len(scripts)} sessions"):
            played = users.play(client, NAMESPACE, scripts, users.culling(harm.outage))
            await asyncio.gather(played, havoc.wreak(where, harm, weak, progress))
        with progress.step("Waiting until all is well") as step:
            deadline, requests = time.monotonic() + RECOVERY + patience(len(scripts)), log.news()
            while True:
                await asyncio.to_thread(where.keep_operators)
                requests += log.news()
                found = faults(scripts, await _look(client, requests), weak)
                if not found or time.monotonic() > deadline:
                    return found
                step.note(f"{len(found)} things are not, such as: {found[0]}")
                await asyncio.sleep(_POLL)


async def _look(client: Client, requests: list[Request]) -> Found:
    everything = Selection(NAMESPACE)
    told, of_pods = (Selection(NAMESPACE, fields=f"involvedObject.kind={kind}") for kind in (names.KIND, "StatefulSet"))
    kinds = {kind: child.resource for kind, child in CHILD_KINDS.items()} | {"Pod": PODS}
    return Found(
        sessions=list((await client.list(SESSIONS, everything, Session)).items),
        objects={
            kind: list((await client.list(resource, everything, ChildView)).items) for kind, resource in kinds.items()
        },
        requests=requests,
        events=list((await client.list(EVENTS, told, Event)).items),
        pod_events=list((await client.list(EVENTS, of_pods, Event)).items),
    )


def ended_by_itself(log: str) -> list[str]:
    """Return what the operators say in their log that they paused or deleted by themselves."""
    entries = [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
    return [
        f"the operator has {entry['message']} {entry['session']}: {entry['reason']}"
        for entry in entries
        if entry["message"] in ("paused", "deleted")
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description="Breaks what the operator stands on.")
    parser.add_argument(
        "--sessions", type=count_of("sessions"), default=200, metavar="N", help="how many (default: 200)"
    )
    parser.add_argument(
        "--replicas", type=count_of("replicas"), default=3, metavar="N", help="of the operator (default: 3)"
    )
    parser.add_argument("--minutes", type=float, default=3.0, help="how long (default: 3)")
    parser.add_argument("--kill-every", type=float, default=8.0, metavar="SECONDS", help="(default: 8)")
    parser.add_argument("--outage", type=float, default=60.0, metavar="SECONDS", help="of the API server (default: 60)")
    parser.add_argument("--cut-every", type=float, default=20.0, metavar="SECONDS", help="(default: 20)")
    parser.add_argument("--cut", type=float, default=60.0, metavar="SECONDS", help="of the network (default: 60)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
