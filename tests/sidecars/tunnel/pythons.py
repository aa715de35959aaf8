"""The versions of Python that this machine has, for the client, which runs on any of them."""

import os
import sys
from pathlib import Path

import pytest

PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
FOUND = sorted(PYENV.glob("3.*/bin/python"), key=lambda path: int(path.parts[-3].split(".")[1]))
PYTHONS = [str(path) for path in FOUND] or [sys.executable]
"""All that this machine has, the oldest first."""
oldest_and_newest = pytest.mark.parametrize(
    "python", sorted({PYTHONS[0], PYTHONS[-1]}), ids=lambda python: Path(python).parts[-3]
)
