"""The list of modules in ARCHITECTURE.md: a line each, which is the first sentence of its docstring.

`python -m tests.support.architecture` (`make architecture`) rewrites it; a test proves that it is up to date.
"""

import ast
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- modules: written by `make architecture` -->\n", "<!-- end of modules -->\n"
TREES = ("src/amalthea", "lab", "bench", "tools")


def modules() -> str:
    """Return the list as Markdown: a table per folder."""
    paths = [path for tree in TREES for path in _by_folder((ROOT / tree).rglob("*.py"))]
    parts = []
    for folder, files in groupby(paths, lambda path: path.parent):
        rows = {path.name: _first_line(path) for path in files}
        heading = f"### {folder.relative_to(ROOT)}\n\n{rows.pop('__init__.py', '')}\n"
        table = "\n".join(f"| `{name}` | {line} |" for name, line in rows.items() if line)
        parts.append(f"{heading}\n| module | its part |\n| --- | --- |\n{table}\n")
    return "\n".join(parts)


def written(text: str) -> str:
    """Return the document with today's list in it."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{modules()}\n{END}{after}"


def _by_folder(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (path.parent, path.name))


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    return docstring.partition("\n")[0].replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
