"""A session in any walk of life is explained whole, in words that a researcher understands: read the golden files."""

import json
from collections.abc import Callable
from datetime import UTC

import pytest

from amalthea.cli.compose.compose import explanation
from amalthea.cli.explain import _as_json
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.cli.text import Terminal, render
from tests.unit.cli.golden_files import FOLDER, check
from tests.unit.cli.parts import NOW
from tests.unit.cli.scenarios import SCENARIOS

PAPER = Terminal(width=80, zone=UTC)


@pytest.mark.parametrize(("name", "find"), SCENARIOS.items(), ids=SCENARIOS)
def test_the_text_of_each_scenario(name: str, find: Callable[[], SessionSnapshot]) -> None:
    check(f"{name}.txt", render(explanation(find(), "kubectl -n team", NOW), PAPER))


@pytest.mark.parametrize("name", ["running_and_idle", "failed_for_a_bad_image"])
def test_the_json_of_each_scenario(name: str) -> None:
    text = _as_json(explanation(SCENARIOS[name](), "kubectl -n team", NOW))
    assert json.loads(text)["name"] == "demo"
    check(f"{name}.json", text)


def test_no_golden_file_outlives_its_scenario() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(SCENARIOS)
