"""Images and clients start these programs by two words; and each start is waited for by somebody."""

import importlib.util
import subprocess
import sys
import time

import pytest

from amalthea.sidecars.main import PROGRAMS, main

_TIMES_BARE_PYTHON = 9.0
"""Measured: about 5, nearly all of it the standard library's. With aiohttp it would be 25."""


@pytest.mark.parametrize("words", [[], ["cloner"], ["cloner", "fly", "away"]])
def test_an_unknown_program_is_told_which_there_are(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "is none of the programs here: cloner clone" in capsys.readouterr().err


def test_every_program_is_there() -> None:
    assert all(importlib.util.find_spec(module) for module in PROGRAMS.values())


@pytest.mark.parametrize("program", ["clone", "shellclone"])
def test_a_cloner_imports_nothing_heavy(program: str) -> None:
    module = PROGRAMS["cloner", program]
    heavy = "[m for m in sys.modules if m.partition('.')[0] in ('aiohttp', 'msgspec', 'yaml', 'sentry_sdk', 'asyncio')]"
    code = f"import sys, {module}; sys.exit(str({heavy}) if {heavy} else 0)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", ["clone", "shellclone"])
def test_a_cloner_starts_in_a_few_times_what_bare_python_takes(program: str) -> None:
    bare = min(_seconds("pass") for _ in range(5))
    ours = min(_seconds(f"import {PROGRAMS['cloner', program]}") for _ in range(5))

    assert ours < _TIMES_BARE_PYTHON * bare


def _seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=30)
    return time.perf_counter() - began
