"""The outcome of one cell of the table, and what was logged meanwhile."""

import logging
from dataclasses import dataclass, field
from typing import Any


class Log(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@dataclass
class Outcome:
    """The state in the end."""

    reported: tuple[str, str] = ("", "")
    """What the status says of the trouble, at the end of it."""
    wrong: list[str] = field(default_factory=list)
    """Promises that were not kept."""
    well: dict[str, Any] = field(default_factory=dict)
    """All that there is of `demo` in the end, without what differs between any two runs."""
    others: dict[str, Any] = field(default_factory=dict)
    """What there is of the session in the other namespace."""
