"""A workflow does what a person can do by hand: it calls targets that exist, and actions that cannot change unseen."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))
TARGETS = {
    found
    for file in (ROOT / "Makefile", *(ROOT / "make").glob("*.mk"))
    for found in re.findall(r"^([a-z][a-z_-]*):", file.read_text(), re.MULTILINE)
}
each_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=[file.stem for file in WORKFLOWS])


@each_workflow
def test_an_action_is_named_by_its_hash_with_its_version_beside_it(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text())
    assert used
    for each in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", each), each


@each_workflow
def test_each_target_that_it_calls_exists(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = "\n".join(step.get("run", "") for step in steps)
    called = [
        word
        for line in re.findall(r"\bmake ((?:[a-z][a-z-]*\s+|[a-z][a-z-]*$)+)", commands, re.MULTILINE)
        for word in line.split()
    ]
    assert set(called) <= TARGETS
    assert called or ".ci/run" in commands
