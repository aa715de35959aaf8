"""ARCHITECTURE.md names every module that exists, and none that is gone; no room grows too large to read."""

from collections import Counter
from pathlib import Path

from tests.support.architecture import DOCUMENT, ROOT, written

MOST = 13
"""Files in a room, its `__init__.py` left out."""


def test_the_list_of_modules_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert written(text) == text, "run `make architecture`"


def test_no_room_holds_more_files_than_a_newcomer_reads_at_a_glance() -> None:
    source = ROOT / "src/amalthea"
    files = [path for path in source.rglob("*.py") if path.name != "__init__.py"]
    rooms = Counter(str(Path(path.parent).relative_to(source)) for path in files)
    assert not {room for room, count in rooms.items() if count > MOST}, "sort its files into rooms"
