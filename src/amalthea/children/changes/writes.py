"""The writes for a session, as data: `comparison.py` decides on them, `operator/writers/children.py` does them."""

from dataclasses import dataclass

from amalthea.api.schema import Manifest
from amalthea.children.changes.patches import Operation
from amalthea.model.findings import Finding
from amalthea.model.views.observed import ChildKey


@dataclass(frozen=True)
class Create:
    """Make a child that is not there."""

    child: ChildKey
    manifest: Manifest


@dataclass(frozen=True)
class Patch:
    """Change a child that is there."""

    child: ChildKey
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Delete:
    """Delete a child, if it is still the one with this UID."""

    child: ChildKey
    uid: str
    otherwise: tuple[Patch, ...] | None = None
    """The writes to do instead where that is forbidden: the Go operator's Role lacks the right. None: it must go."""


Write = Create | Patch | Delete


@dataclass(frozen=True)
class Changes:
    """The writes of one pass, and what came up while they were decided."""

    writes: tuple[Write, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(self.writes + other.writes, self.findings + other.findings)
