"""Logs: one JSON object per line, a constant message with key-value pairs. No value is ever a secret."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "taskName"}

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def set_up(level: str = "info", formatter: logging.Formatter | None = None, stream: TextIO | None = None) -> None:
    """Write all logs of the process from this level on: as JSON to its standard error by default.

    Raises:
        ValueError: there is no such level; the message names those that there are.
    """
    if level.upper() not in LEVELS:
        raise ValueError(f"LOG_LEVEL is {level!r}; write one of {', '.join(LEVELS).lower()}.")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter or JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
