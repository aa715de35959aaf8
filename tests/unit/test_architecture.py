"""ARCHITECTURE.md tells of every module that there is, and of none that is gone; no room becomes a drawer."""

from collections import Counter
from pathlib import Path

from tests.support.architecture import DOCUMENT, ROOT, written

MOST = 13
"""Files in a room, its `__init__.py` left out."""
FLAT: set[str] = set()
"""Rooms that are larger still: CRITIQUES.md says so."""


def test_the_list_of_modules_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert written(text) == text, "run `make architecture`"


def test_no_room_holds_more_files_than_a_newcomer_reads_at_a_glance() -> None:
    source = ROOT / "src/amalthea"
    files = [path for path in source.rglob("*.py") if path.name != "__init__.py"]
    rooms = Counter(str(Path(path.parent).relative_to(source)) for path in files)
    assert {room for room, count in rooms.items() if count > MOST} == FLAT, "sort its files into rooms"
