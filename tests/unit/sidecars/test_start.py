"""Sidecars start with every session: what they import is paid for each time, and what is misspelt must be reported."""

import subprocess
import sys
from importlib import import_module

import pytest

from amalthea import __version__
from amalthea.sidecars.main import PROGRAMS, main

HEAVY = {
    ("gitproxy", "proxy"): ("aiohttp", "yaml", "prometheus_client", "kubernetes", "ulid"),
    ("proxy", "serve"): ("aiohttp", "msgspec", "cryptography", "asyncio", "ssl", "inspect"),
    ("tunnel", "listen"): ("aiohttp", "yaml", "prometheus_client", "cryptography"),
    ("cloner", "clone"): ("aiohttp", "msgspec", "yaml", "sentry_sdk", "asyncio"),
    ("cloner", "shellclone"): ("aiohttp", "msgspec", "yaml", "sentry_sdk", "asyncio"),
    ("remote-session-controller", "run"): ("aiohttp", "msgspec", "yaml", "asyncio"),
    ("rsc", "run"): ("aiohttp", "msgspec", "yaml", "asyncio"),
}
"""What each program must not import at its start."""
MODULES = {
    ("gitproxy", "proxy"): 290,
    ("proxy", "serve"): 130,
    ("tunnel", "listen"): 215,
    ("cloner", "clone"): 170,
    ("cloner", "shellclone"): 170,
    ("remote-session-controller", "run"): 60,
    ("rsc", "run"): 60,
}
"""How many modules each program may import, Python's own included. Measured: 277, 121, 203, 157, 159 and 51, on Python
3.11 and 3.13. aiohttp adds 120 and more, asyncio 50 and more. Modules are counted because the CPU time of an import
varies twofold on a machine that is shared."""


@pytest.mark.parametrize(
    "words", [[], ["fly"], ["gitproxy"], ["gitproxy", "fly"], ["cloner", "fly", "away"]], ids=" ".join
)
def test_an_unknown_program_ends_with_the_names_of_those_there_are(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "is not one of the programs here" in said
    assert all(" ".join(program) in said for program in PROGRAMS)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"sidecars {__version__}\n"


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_names_the_programs(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == ["sidecars version", *(f"sidecars {' '.join(program)}" for program in PROGRAMS)]
    assert said.err == ""


@pytest.mark.parametrize("module", PROGRAMS.values())
def test_every_program_is_there(module: str) -> None:
    assert callable(import_module(module).main)


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_a_program_imports_nothing_heavy(program: tuple[str, str]) -> None:
    heavy = f"[m for m in sys.modules if m.partition('.')[0] in {HEAVY[program]}]"
    code = f"import sys, {PROGRAMS[program]}; sys.exit(str({heavy}) if {heavy} else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_a_program_imports_no_more_modules_than_it_did(program: tuple[str, str]) -> None:
    code = f"import sys, {PROGRAMS[program]}; print(len(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert int(done.stdout) <= MODULES[program]


def test_the_git_proxy_takes_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gitproxy", "proxy", "--port=1"]) == 2
    assert "GIT_PROXY_" in capsys.readouterr().err


def test_a_bad_variable_ends_the_git_proxy_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_PROXY_PORT", "x")
    assert main(["gitproxy", "proxy"]) == 2
    assert capsys.readouterr().err == "GIT_PROXY_PORT is 'x'; write a whole number from 1 to 65535.\n"


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_file_of_authorities_that_is_not_there_ends_the_git_proxy(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "/no/such/file")
    assert main(["gitproxy", "proxy"]) == 2
    assert f"{name} names /no/such/file, which cannot be used" in capsys.readouterr().err
