"""The files on the volume: whole or not there, for their owner only, and a forgotten job stays forgotten."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from amalthea.remote.job.journal import FileJournal, JournalError, State
from amalthea.remote.login.renku import Pair


async def test_the_state_has_the_names_of_the_go_controller(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / ".rsc")
    state = State("123", "", "", "/s/slurm-123.out", "/s/slurm-123.err", 10, 20)
    await journal.write(state)
    assert json.loads((tmp_path / ".rsc/state.json").read_text()) == {
        "job_id": "123",
        "stdout_path": "/s/slurm-123.out",
        "stderr_path": "/s/slurm-123.err",
        "stdout_offset": 10,
        "stderr_offset": 20,
    }
    assert await FileJournal(tmp_path / ".rsc").read() == state


async def test_a_file_of_the_go_controller_is_read_and_then_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / ".rsc/state.json"
    path.parent.mkdir(mode=0o755)
    path.write_text('{"job_id": "7", "stdout_offset": 3, "of": "a later release"}')
    path.chmod(0o644)
    journal = FileJournal(path.parent)
    state = await journal.read()
    assert (state.job_id, state.stdout_offset) == ("7", 3)
    await journal.write(state)
    await journal.write_pair(Pair("a", "r", "root"))
    assert {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {
        "state.json": 0o600,
        "tokens.json": 0o600,
    }


@pytest.mark.parametrize("content", ["", "{", "null", "[]", '{"job_id": 7}', "\xff", '{"x": ' + "[" * 10**5])
async def test_a_file_that_cannot_be_read_is_no_end_of_the_session(content: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes(content.encode("latin-1"))
    assert await FileJournal(tmp_path).read() == State()


async def test_a_write_that_was_under_way_does_not_bring_a_forgotten_job_back(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    await journal.write(State(job_id="1"))
    for _ in range(20):
        await asyncio.gather(journal.write(State(job_id="1")), journal.forget(), journal.write(State(job_id="1")))
    assert not (tmp_path / "state.json").exists()
    await journal.write_pair(Pair("a", "r", "root"))
    assert await journal.read_pair() == Pair("a", "r", "root")


async def test_a_folder_that_cannot_be_written_is_told_with_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="set RENKU_MOUNT_DIR"):
        await FileJournal(tmp_path / "file/.rsc").write(State(intent="x"))


async def test_a_volume_that_cannot_be_read_is_not_taken_for_one_without_a_job(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(JournalError, match="check the session's volume"):
        await FileJournal(tmp_path).read()


async def test_a_half_written_file_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = FileJournal(tmp_path)
    await journal.write(State(job_id="1"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JournalError, match="No space left"):
        await journal.write(State(job_id="2"))
    assert (await journal.read()).job_id == "1"


def test_tokens_are_not_shown() -> None:
    assert "secret" not in repr(Pair("secret", "secret", "secret"))
