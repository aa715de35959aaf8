"""The session's git configuration comes into the clone's own, which stays the user's."""

from pathlib import Path

import pytest

from amalthea.sidecars.cloner.contents.session_config import put, with_block

OWN = '[core]\n\tbare = false\n[remote "origin"]\n\turl = https://h.org/a\n'
BLOCK = "[user]\n\tname = Ada\n"


def test_a_block_comes_last_and_a_new_one_takes_its_place() -> None:
    first = with_block(OWN, BLOCK)
    second = with_block(first, "[user]\n\tname = Grace")

    assert first.startswith(OWN)
    assert BLOCK in first
    assert "Ada" not in second
    assert second.count("# BEGIN") == second.count("# END") == 1
    assert with_block(second, "") == OWN


def test_what_the_user_set_in_the_block_stays_while_the_secret_is_the_same() -> None:
    edited = with_block(OWN, BLOCK).replace("Ada", "Ada Lovelace")

    assert with_block(edited, BLOCK) == edited


@pytest.mark.parametrize("config", ["", OWN])
def test_without_a_secret_nothing_changes(config: str) -> None:
    assert with_block(config, "") == config


def test_only_its_owner_can_read_it_and_what_is_up_to_date_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / ".git" / "config"
    path.parent.mkdir()
    path.write_text(OWN)
    path.chmod(0o644)

    put(tmp_path, BLOCK)
    written = path.stat()
    put(tmp_path, BLOCK)

    assert path.read_text() == with_block(OWN, BLOCK)
    assert written.st_mode & 0o777 == 0o600
    assert path.stat().st_ino == written.st_ino


def test_a_folder_that_is_no_clone_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, BLOCK)

    assert list(tmp_path.iterdir()) == []
