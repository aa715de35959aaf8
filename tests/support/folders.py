"""Folders that pytest makes for itself alone, opened to programs of another user."""

from itertools import takewhile
from pathlib import Path
from tempfile import gettempdir


def let_others_in(folder: Path) -> None:
    """Let everybody read a folder below that for temporary files."""
    for each in takewhile(lambda path: path != Path(gettempdir()), (folder, *folder.parents)):
        each.chmod(0o755)
