"""docs/security.md: each danger in its tables names the tests that show the measure against it, and those exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py::\w+)`", TEXT)
LAST_COLUMN = "shown by"
DANGERS = 30
"""Fewer would mean that the tables are not read, or have lost a section."""


def rows() -> list[str]:
    """Return the rows of the tables whose last column names tests."""
    found: list[str] = []
    shows = False
    for line in TEXT.splitlines():
        if not line.startswith("|"):
            shows = False
        elif line.endswith(f"| {LAST_COLUMN} |"):
            shows = True
        elif shows and not line.startswith("| ---"):
            found.append(line)
    return found


def functions(path: Path) -> set[str]:
    """Return the names of a module's functions and of its classes' methods."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_no_danger_stands_without_a_test() -> None:
    assert len(rows()) >= DANGERS
    unproved = [row for row in rows() if "`tests/" not in row.rstrip("| ").rpartition("|")[2]]
    assert unproved == []


@pytest.mark.parametrize("named", sorted(set(NAMED)))
def test_a_named_test_exists(named: str) -> None:
    path, _, name = named.partition("::")
    assert name.startswith("test_")
    assert (ROOT / path).is_file(), path
    assert name in functions(ROOT / path), f"{path} has no {name}: was it renamed?"


def test_every_name_of_a_test_is_one_that_is_checked() -> None:
    assert TEXT.count("tests/") == len(NAMED)
    assert TEXT.count("::") == len(NAMED)
