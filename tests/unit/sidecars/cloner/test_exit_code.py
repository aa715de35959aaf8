"""The end of a cloner is all that Kubernetes, and so the user, gets to know of it."""

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from amalthea.sidecars.cloner import clone, exit_code, shellclone
from amalthea.sidecars.cloner.errors import CloneFailed, Misconfigured


@pytest.fixture
def last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the file from which Kubernetes takes a container's last words."""
    path = tmp_path / "termination-log"
    path.write_text("what an earlier run said, and at some length")
    monkeypatch.setattr("amalthea.sidecars.last_words.PATH", path)
    return path


def _raise(error: BaseException) -> Callable[[], Iterable[str]]:
    def program() -> Iterable[str]:
        raise error

    return program


@pytest.mark.parametrize(("error", "code"), [(CloneFailed("Why."), 1), (Misconfigured("Why."), 2)])
def test_why_it_failed_is_in_the_log_and_for_the_status(
    error: Exception, code: int, last_words: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code.run(_raise(error)) == code
    assert capsys.readouterr().err == "Why.\n"
    assert last_words.read_text() == "Why."


def test_where_nobody_reads_last_words_none_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amalthea.sidecars.last_words.PATH", tmp_path / "not-there")

    assert exit_code.run(_raise(CloneFailed("Why."))) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_of_a_clone_that_went_well_is_told_within_what_a_status_holds(last_words: Path) -> None:
    assert exit_code.run(lambda: ["A submodule is missing.", "A file is a pointer."]) == 0
    assert last_words.read_text() == "A submodule is missing. A file is a pointer."
    assert exit_code.run(lambda: ["x" * 10_000]) == 0
    assert len(last_words.read_text()) == 1500


def test_a_stopped_pod_is_no_failure(last_words: Path) -> None:
    said = last_words.read_text()

    def stopped() -> Iterable[str]:
        os.kill(os.getpid(), signal.SIGTERM)
        return ()

    assert exit_code.run(stopped) == 0
    assert last_words.read_text() == said
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("program", "flags", "told"),
    [
        (clone.main, [], "cloner clone: the following arguments are required: --remote, --path; see --help.\n"),
        (clone.main, ["--remote", "x", "--path", "/w"], "The repository's remote is not an address that can be"),
        (
            clone.main,
            ["--remote", "h:x", "--path", "/w", "--revision=-x"],
            "revision begins with a hyphen",
        ),
        (
            clone.main,
            ["--remote", "h:x", "--path", "/w", "--config", "/none"],
            "the key none of its credentials",
        ),
        (clone.main, ["--remote", "h:x", "--path", "/w", "--strategy", "always"], "invalid choice: 'always'"),
        (shellclone.main, ["more"], "cloner shellclone: unrecognized arguments: more; see --help.\n"),
        (shellclone.main, [], "GIT_CLONE_MOUNT_PATH is missing; name the folder of the session's files.\n"),
    ],
)
def test_a_wrong_start_is_one_line_and_nothing_else(
    program: Callable[[list[str]], int],
    flags: list[str],
    told: str,
    last_words: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert program(flags) == 2

    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert last_words.read_text() == said.rstrip("\n")


@pytest.mark.parametrize(
    ("remote", "content", "told"),
    [
        ("git@h.org:a", "username: me\npassword: hush\n", "write a privateKey."),
        ("https://h.org/a", "privateKey: hush\n", "write username and password."),
        ("https://h.org/a", "hush", "write the secret like `username: me`."),
    ],
)
@pytest.mark.usefixtures("last_words")
def test_credentials_for_another_kind_of_address_start_nothing(
    remote: str, content: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "auth"
    path.write_text(content)

    assert clone.main(["--remote", remote, "--path", str(tmp_path), "--config", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.endswith(f"{told}\n")
    assert "hush" not in said
