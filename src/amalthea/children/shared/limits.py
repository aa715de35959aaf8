"""Limits on what one session may cost: its children are kept in memory, sent and compared on each pass."""

import msgspec

from amalthea.api.schema import Manifest
from amalthea.model.validation import InvalidField

LARGEST_CHILDREN = 1 << 20
"""Bytes of all children's manifests together, as JSON. The API server takes no more than some 1.5 MiB per object."""
_RECORD = 250
"""Bytes of a child's record, without the names that it holds."""
LARGEST_GROWTH = 64 << 10
"""Bytes that the variables of one container may gain where repeated definitions refer to their former values."""


class TooLargeError(ValueError):
    """A spec that asks for more than one session may cost. `problem` names field and remedy."""

    def __init__(self, problem: InvalidField) -> None:
        super().__init__(str(problem))
        self.problem = problem


def bounded(children: list[Manifest]) -> list[Manifest]:
    """Return the children as they are.

    Raises:
        TooLargeError: they exceed LARGEST_CHILDREN.
    """
    sizes = {f"{child['kind']} {child['metadata']['name']}": _size(child) for child in children}
    if (total := sum(sizes.values())) > LARGEST_CHILDREN:
        largest = max(sizes, key=lambda child: sizes[child])
        raise TooLargeError(
            InvalidField(
                "spec",
                f"makes objects of {total >> 10} KiB, and at most {LARGEST_CHILDREN >> 10} KiB are allowed; the "
                f"largest is the {largest}. Shorten long values, or read them from a ConfigMap or a file.",
            )
        )
    return children


def _size(child: Manifest) -> int:
    """Return the bytes of a child as it is written: its record (`applied.py`) repeats the names of its metadata."""
    metadata = child["metadata"]
    named = msgspec.json.encode([*metadata.get("labels", ()), *metadata.get("annotations", ())])
    return len(msgspec.json.encode(child)) + len(msgspec.json.encode(named.decode())) + _RECORD


class Growth:
    """Counts what repeated definitions add to the variables of one container."""

    def __init__(self, field: str) -> None:
        """Start to count for the variables of that field of the spec."""
        self._field = field
        self._left = LARGEST_GROWTH

    def add(self, count: int) -> None:
        """Add to the number of characters.

        Raises:
            TooLargeError: the variables exceed LARGEST_GROWTH.
        """
        self._left -= count
        if self._left < 0:
            remedy = (
                "defines variables several times by their own former values, and grows by more than "
                f"{LARGEST_GROWTH >> 10} KiB; define each variable once."
            )
            raise TooLargeError(InvalidField(self._field, remedy))
