"""The readers' view, in golden files.

After a change on purpose write them anew, and read the diff:  UPDATE_GOLDEN=1 pytest tests/unit/cli
"""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """Compare a text with its golden file, or rewrite that."""
    file = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert file.read_text() == text, "a change on purpose? UPDATE_GOLDEN=1 pytest tests/unit/cli"
