"""A tunnel that cannot start says why where the session's status takes it from, and shows no secret."""

import socket
from pathlib import Path

import pytest

from amalthea.sidecars.tunnel import run


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        ([], {}, "WSTUNNEL_SECRET is missing"),
        (["--fly"], {"WSTUNNEL_SECRET": "hush"}, "unrecognized arguments: --fly"),
        ([], {"WSTUNNEL_SECRET": "hush", "WSTUNNEL_PORT": "x"}, "WSTUNNEL_PORT is 'x'; write a whole number"),
        ([], {"WSTUNNEL_SECRET": "hush", "WSTUNNEL_PORT": "taken"}, "The tunnel cannot listen at port"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line_in_the_log_and_its_last_words(
    arguments: list[str],
    variables: dict[str, str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    last_words = tmp_path / "termination-log"
    last_words.touch()
    monkeypatch.setattr("amalthea.sidecars.last_words.PATH", last_words)
    monkeypatch.setattr("amalthea.telemetry.logs.set_up", lambda _: None)

    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setattr("os.environ", {key: value.replace("taken", port) for key, value in variables.items()})
        assert run.main(arguments) == 2

    said = capsys.readouterr().err
    assert told in said
    assert "hush" not in said
    assert last_words.read_text() == said.rstrip("\n")
