"""Standard output: the controller's log as JSON, and the lines that the job has written, as they are.

Admins' instructions search the log for texts of the Go controller, so its shape is kept: `time`, `level`, `msg`.
"""

import asyncio
import json
import logging
import sys
from typing import BinaryIO

from amalthea.telemetry import logs

_NAMES = {"time": "time", "level": "level", "message": "msg"}
_LEVELS = {"warning": "WARN"}


class ContractFormatter(logs.JsonFormatter):
    """Writes a record as one line of JSON, with the names that the Go controller has."""

    def format(self, record: logging.LogRecord) -> str:
        entry = json.loads(super().format(record))
        entry["level"] = _LEVELS.get(entry["level"], entry["level"].upper())
        renamed = {_NAMES.get(key, key): value for key, value in entry.items() if key != "logger"}
        return json.dumps(renamed, ensure_ascii=False)


class Printer:
    """Prints lines of the job's output, in a thread: the reader may be slow."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    async def __call__(self, lines: list[str]) -> None:
        """Print lines; none of them is mixed with another's."""
        await asyncio.to_thread(self._write, "".join(f"{line}\n" for line in lines).encode(errors="replace"))

    def _write(self, content: bytes) -> None:
        self._out.write(content)
        self._out.flush()


def set_up(level: str) -> None:
    """Write the log to standard output.

    Raises:
        ValueError: there is no such level; the message names those that there are.
    """
    logs.set_up(level, ContractFormatter(), sys.stdout)
