"""The reader's flags reach the command, and what cannot be explained is one sentence and an exit code."""

from datetime import datetime
from pathlib import Path

import pytest

from amalthea.cli import explain
from amalthea.cli.errors import CannotExplain, in_words
from amalthea.cli.explain import Request
from amalthea.kube import errors
from amalthea.kube.auth import config
from amalthea.kube.auth.config import Config
from amalthea.main import main


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Stand in for the cluster: note what is asked."""
    requests: list[Request] = []

    async def answer(_: Config, request: Request, now: datetime) -> str:
        assert now.microsecond == 0
        requests.append(request)
        return "shown\n"

    monkeypatch.setattr(explain, "explain", answer)
    monkeypatch.setattr(config, "load", lambda *_: Config("https://cluster"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "99")
    return requests


def test_every_flag_reaches_the_command(asked: list[Request], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "demo", "-n", "team", "--context", "moon", "--kubeconfig", "/k", "-o", "json"]) == 0

    (request,) = asked
    assert (request.name, request.namespace, request.context) == ("demo", "team", "moon")
    assert (request.kubeconfig, request.as_json, request.paper.width) == (Path("/k"), True, 99)
    assert capsys.readouterr().out == "shown\n"


@pytest.mark.parametrize(
    ("terminal", "flags", "environment", "coloured"),
    [
        (True, [], {}, True),
        (False, [], {}, False),
        (True, ["--no-color"], {}, False),
        (True, [], {"NO_COLOR": "1"}, False),
    ],
    ids=["a terminal", "a pipe", "the flag", "NO_COLOR"],
)
def test_colour_needs_a_terminal_and_can_be_refused(
    asked: list[Request],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    flags: list[str],
    environment: dict[str, str],
    coloured: bool,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert main(["explain", *flags]) == 0
    assert asked[0].paper.colour is coloured


@pytest.mark.usefixtures("asked")
def test_a_failed_explanation_is_a_sentence_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: object) -> str:
        raise CannotExplain("There is none.")

    monkeypatch.setattr(explain, "explain", fail)

    assert main(["explain", "demo"]) == 1
    assert capsys.readouterr() == ("", "There is none.\n")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (0, "does not answer"),
        (401, "Log in to it again."),
        (403, "ask its admin for the right to get and list"),
        (404, "Amalthea is not installed in it"),
        (422, "cannot be the name of a session"),
        (503, "Try again later."),
    ],
)
def test_every_failure_of_the_cluster_has_its_sentence(status: int, said: str) -> None:
    failure = errors.ErrorDetails(status, "", "reason")
    answered = errors.from_answer("GET /x", status, b"{}")
    error = answered if status else errors.Unreachable(failure, "GET /x")
    assert said in in_words(error, "https://cluster", "team")
