"""The client goes to machines that have a Python of their own, of any age, and nothing else of ours."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from amalthea.sidecars.tunnel import bundle

TREE = ast.parse(bundle.source())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The client, as it goes to the other machine."""
    path = tmp_path / "client.py"
    path.write_text(bundle.source())
    return path


def named(node: ast.stmt) -> list[str]:
    """Return the names that a statement of a module gives."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]


def test_no_two_modules_of_it_give_a_name_twice() -> None:
    counted = Counter(name for node in TREE.body for name in named(node))
    assert counted
    assert {name for name, count in counted.items() if count > 1} == set()


def test_it_needs_nothing_but_python() -> None:
    modules = {node.module or "" for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(TREE) if isinstance(node, ast.Import) for alias in node.names}
    assert {module.partition(".")[0] for module in modules} <= set(sys.stdlib_module_names)


def test_it_uses_nothing_that_python_3_6_does_not_have(file: Path) -> None:
    """SLES 15 and RHEL 8 have that one."""
    command = [sys.executable, "-c", "import vermin; vermin.main()", "--target=3.6-", "--eval-annotations", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("words", [["--help"], []], ids=["help", "nothing"])
def test_it_runs_as_one_file_that_sees_nothing_of_the_project(words: list[str], file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", file, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == (0 if words else 2), done.stderr
    assert "--secret-file" in done.stdout + done.stderr
