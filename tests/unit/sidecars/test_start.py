"""Sidecars start with every session: what they import is paid for each time, and what is misspelt must be told."""

import subprocess
import sys
import time
from importlib import import_module

import pytest

from amalthea.sidecars.main import PROGRAMS, main

START_FACTOR = 4
"""How much longer than Python with its own modules for connections a program may take to be imported."""
FOREIGN = ("aiohttp", "yaml", "prometheus_client", "kubernetes", "ulid")


@pytest.mark.parametrize("words", [[], ["fly"], ["gitproxy"], ["gitproxy", "fly"]], ids=" ".join)
def test_an_unknown_program_ends_with_the_names_of_those_there_are(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert "gitproxy proxy" in capsys.readouterr().err


@pytest.mark.parametrize("module", PROGRAMS.values())
def test_every_program_is_there(module: str) -> None:
    assert callable(import_module(module).main)


def test_the_git_proxy_imports_little() -> None:
    code = (
        "import sys; import amalthea.sidecars.gitproxy.run; "
        f"sys.exit(' '.join(name for name in {FOREIGN} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_git_proxy_starts_in_a_few_times_what_python_itself_takes() -> None:
    def seconds(code: str) -> float:
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
            times.append(time.perf_counter() - begun)
        return min(times)

    assert seconds("import amalthea.sidecars.gitproxy.run") <= START_FACTOR * seconds("import asyncio, ssl")


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
