"""A proxy that cannot start says why where the session's status takes it from, and shows no token."""

from pathlib import Path

import pytest

from amalthea.sidecars.gitproxy import run


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        (["serve"], {}, "gitproxy proxy takes no arguments; it is configured by the variables GIT_PROXY_*."),
        ([], {"GIT_PROXY_REPOSITORIES": "hush"}, "GIT_PROXY_REPOSITORIES cannot be read"),
        ([], {"HTTPS_PROXY": "socks5://me:hush@proxy"}, "HTTPS_PROXY is not the address of a proxy; write one like"),
        ([], {"SSL_CERT_FILE": "/none"}, "SSL_CERT_FILE names /none, which cannot be used"),
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
    monkeypatch.setattr("os.environ", variables)
    monkeypatch.setattr("amalthea.telemetry.logs.set_up", lambda _: None)

    assert run.main(arguments) == 2

    said = capsys.readouterr().err
    assert told in said
    assert "hush" not in said
    assert last_words.read_text() == said.rstrip("\n")
