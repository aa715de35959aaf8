"""Files that nobody else may read."""

import os
from pathlib import Path


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a new file and return its path; raise FileExistsError where there is one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    return path
