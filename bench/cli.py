"""The command line: `python -m bench --sessions N [--check] [--json FILE] [--idle SECONDS]`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from amalthea.kube.errors import ApiError
from bench import bounds, floor, phases, table
from bench.figures import Report, as_json
from bench.observer import BenchError
from bench.world import OPERATOR, World, world
from lab.gobuild import BuildError
from lab.process import DaemonError
from lab.progress import Progress

INTERRUPTED = 130
_TAIL_LINES = 15
_LINE_LENGTH = 300


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if it failed or, with --check, if a bound does not hold."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = _run(chosen.sessions, chosen.idle if chosen.idle is not None else (30.0 if chosen.check else 60.0))
    except (BenchError, BuildError, DaemonError, ApiError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return INTERRUPTED
    print(table.render(report))
    if chosen.json is not None:
        chosen.json.write_bytes(as_json(report))
    return _judge(report) if chosen.check else 0


def _run(sessions: int, idle: float) -> Report:
    progress = Progress()
    names = [f"session-{number:04}" for number in range(sessions)]
    with world(sessions, progress) as where:
        with progress.step("Starting the operator"):
            where.start_operator()
        try:
            alone, measured = asyncio.run(phases.measure(where, names, idle, progress))
        except (BenchError, ApiError):
            _show_log(where, progress)
            raise
        with progress.step("Stopping the operator"):
            where.stop_operator()
        lowest = asyncio.run(floor.measure(where, names, progress))
    return Report(sessions, os.cpu_count() or 1, alone, measured, lowest)


def _show_log(where: World, progress: Progress) -> None:
    log = where.control_plane.daemons.log(OPERATOR).read_text(errors="replace").splitlines()
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
    parser.add_argument("--sessions", type=_positive, default=200, metavar="N", help="how many (default: 200)")
    parser.add_argument("--check", action="store_true", help="fail if a session costs more than it may")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    parser.add_argument("--idle", type=float, metavar="SECONDS", help="of rest (default: 60; with --check: 30)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return number
