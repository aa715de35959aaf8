"""A program that cannot start says so where people look: one line on stderr, the same as its last words."""

from pathlib import Path

import pytest

from amalthea.sidecars import last_words
from amalthea.sidecars.authproxy import listening, serve


@pytest.fixture(autouse=True)
def termination_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "termination-log"
    file.write_text("something longer that stood there before " * 9)
    monkeypatch.setattr(last_words, "PATH", file)
    monkeypatch.setattr(serve, "_COMMAND", ("/no/such/program",))
    return file


def test_a_bad_file_is_told_in_both_places(
    tmp_path: Path, termination_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    config.write_text("tokn: s3cret")
    assert serve.main(["--config", str(config)]) == 2
    told = f"tokn in {config} is not a known key; did you mean token?"
    assert capsys.readouterr().err == f"{told}\n"
    assert termination_log.read_text() == told


def test_nobody_reads_last_words_and_that_is_no_failure(termination_log: Path) -> None:
    termination_log.unlink()
    assert serve.main([]) == 2
    assert not termination_log.exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read (No such file or directory); name the configuration file."),
        (b"token: \xff", "is not UTF-8 text; save it as UTF-8."),
        (b"#" * 70_000, "is larger than 65536 bytes; name the configuration file."),
    ],
    ids=["missing", "binary", "large"],
)
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, content: bytes | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    if content is not None:
        config.write_bytes(content)
    assert serve.main([f"--config={config}"]) == 2
    assert capsys.readouterr().err == f"{config} {told}\n"


@pytest.mark.parametrize("flags", [["--fly"], ["--conf", "x"], ["--config"], ["more"]], ids=str)
def test_a_flag_that_is_not_known_is_told_in_one_line(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(flags) == 2
    told = capsys.readouterr().err
    assert (told.startswith("proxy serve: "), told.count("\n")) == (True, 1)


def test_an_image_without_haproxy_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AUTHPROXY_REMOTE", "http://127.0.0.1:8888")
    monkeypatch.setattr(listening, "addresses", lambda port: (f"0.0.0.0:{port}",))
    assert serve.main([]) == 1
    assert capfd.readouterr().err.startswith("HAProxy cannot be started (No such file or directory);")
