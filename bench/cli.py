"""The command line: `python -m bench --sessions N [--check] [--json FILE]`, and how long each part takes."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from amalthea.kube.errors import ApiError
from bench import bounds, deadlines, floor, phases, table
from bench.counts import count_of
from bench.figures import Report, as_json
from bench.observer import BenchError
from bench.world import World, world
from lab.base.process import DaemonError
from lab.base.progress import Progress
from lab.programs.gobuild import BuildError

INTERRUPTED = 130
_TAIL_LINES = 15
_LINE_LENGTH = 300


@dataclass(frozen=True)
class Scale:
    """The scale of the measurement: sessions, and seconds."""

    sessions: int
    idle: float
    deadlines: int
    spread: float


BRIEF = Scale(200, idle=30.0, deadlines=30, spread=10.0)
"""With --check: as little as the bounds need."""
FULL = Scale(200, idle=60.0, deadlines=500, spread=300.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if it failed, or if a bound does not hold."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = _run(_scale(chosen))
    except (BenchError, BuildError, DaemonError, ApiError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return INTERRUPTED
    print(table.render(report))
    if chosen.json is not None:
        chosen.json.write_bytes(as_json(report))
    return _judge(report)


def _run(scale: Scale) -> Report:
    progress = Progress()
    names = _names(scale.sessions)
    with world(max(scale.sessions, scale.deadlines), progress) as where:
        with progress.step("Starting the operator"):
            where.start_operator()
        try:
            alone, measured = asyncio.run(phases.measure(where, names, scale.idle, progress))
            ends = asyncio.run(deadlines.measure(where, _names(scale.deadlines), scale.spread, progress))
        except (BenchError, ApiError):
            _show_log(where, progress)
            raise
        with progress.step("Stopping the operator"):
            where.operator.stop()
        lowest = asyncio.run(floor.measure(where, names, progress))
    return Report(scale.sessions, os.cpu_count() or 1, alone, measured, ends, lowest)


def _show_log(where: World, progress: Progress) -> None:
    log = where.operator.log.splitlines()
    progress.say(f"The end of the operator's log, of {len(log)} lines:")
    for line in log[-_TAIL_LINES:]:
        progress.say(f"  {line[:_LINE_LENGTH]}")


def _judge(report: Report) -> int:
    found = bounds.broken(report)
    for sentence in found:
        print(f"bench: {sentence}", file=sys.stderr)
    if not found:
        print("All bounds hold.")
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures the operator with many sessions.")
    parser.add_argument(
        "--sessions", type=count_of("sessions"), metavar="N", help=f"how many (default: {FULL.sessions})"
    )
    parser.add_argument("--check", action="store_true", help="measure no longer than the bounds need")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    default = "default: %g; with --check: %g"
    parser.add_argument("--idle", type=float, metavar="SECONDS", help=f"of rest ({default % (FULL.idle, BRIEF.idle)})")
    parser.add_argument(
        "--deadlines",
        type=count_of("sessions"),
        metavar="N",
        help=f"sessions with a limit to their age ({default % (FULL.deadlines, BRIEF.deadlines)})",
    )
    parser.add_argument(
        "--spread",
        type=float,
        metavar="SECONDS",
        help=f"within which they end ({default % (FULL.spread, BRIEF.spread)})",
    )
    return parser


def _scale(chosen: argparse.Namespace) -> Scale:
    given = {each.name: getattr(chosen, each.name) for each in fields(Scale)}
    return replace(BRIEF if chosen.check else FULL, **{name: value for name, value in given.items() if value})


def _names(count: int) -> list[str]:
    return [f"session-{number:04}" for number in range(count)]
