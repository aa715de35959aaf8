"""An artefact that takes minutes to build is built once, and never used half built or damaged."""

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base import cache
from lab.base.progress import Progress

NAME, KEY = "thing", "1.0-abc"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMALTHEA_LAB_CACHE", str(tmp_path / "cache"))


class Builder:
    """Writes one file, and counts how often it had to."""

    def __init__(self, contents: str = "binary") -> None:
        self.contents = contents
        self.builds = 0

    def __call__(self, folder: Path) -> None:
        self.builds += 1
        (folder / "bin").mkdir()
        (folder / "bin" / "program").write_text(self.contents)


def program() -> Path:
    return cache.root() / NAME / KEY / "bin" / "program"


def same_size_other_contents() -> None:
    program().write_text("BINARY")
    os.utime(program(), ns=(0, 0))


def cut_short() -> None:
    program().write_text("bin")


def removed() -> None:
    program().unlink()


def manifest_cut_short() -> None:
    manifest = program().parent.parent / cache.MANIFEST
    manifest.write_text(manifest.read_text()[:-5])


def manifest_of_another_kind() -> None:
    (program().parent.parent / cache.MANIFEST).write_text('{"bin/program": 1}')


def test_a_second_request_does_not_build_again() -> None:
    build = Builder()
    assert cache.artefact(NAME, KEY, build) == cache.artefact(NAME, KEY, build)
    assert build.builds == 1
    assert program().read_text() == "binary"


@pytest.mark.parametrize(
    "damage",
    [same_size_other_contents, cut_short, removed, manifest_cut_short, manifest_of_another_kind],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_artefact_is_built_again_and_the_user_is_told(damage: Callable[[], None]) -> None:
    build, said = Builder(), io.StringIO()
    cache.artefact(NAME, KEY, build)
    damage()
    cache.artefact(NAME, KEY, build, Progress(said))
    assert build.builds == 2
    assert program().read_text() == "binary"
    assert "damaged" in said.getvalue()


def test_a_copied_cache_is_compared_by_hash_and_used() -> None:
    build = Builder()
    cache.artefact(NAME, KEY, build)
    os.utime(program(), ns=(0, 0))
    cache.artefact(NAME, KEY, build)
    assert build.builds == 1


def test_a_failed_build_leaves_nothing_behind() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        cache.artefact(NAME, KEY, fail)
    assert [path.name for path in (cache.root() / NAME).iterdir()] == [f".{KEY}.lock"]
    cache.artefact(NAME, KEY, Builder())
    assert program().read_text() == "binary"


def test_what_a_killed_build_has_left_is_cleared_away() -> None:
    left = cache.root() / NAME / f".{KEY}.building"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    folder = cache.artefact(NAME, KEY, Builder())
    assert not left.exists()
    assert not (folder / "half").exists()


def test_two_builds_at_once_build_once_and_the_second_says_that_it_waits() -> None:
    started, go_on = threading.Event(), threading.Event()
    second = Builder()
    said = io.StringIO()

    def slow(folder: Path) -> None:
        started.set()
        assert go_on.wait(10)
        Builder("first")(folder)

    class Announcing(io.StringIO):
        def write(self, text: str) -> int:
            said.write(text)
            go_on.set()
            return len(text)

    first = threading.Thread(target=cache.artefact, args=(NAME, KEY, slow))
    first.start()
    assert started.wait(10)
    cache.artefact(NAME, KEY, second, Progress(Announcing()))
    first.join()
    assert second.builds == 0
    assert program().read_text() == "first"
    assert "Waiting for another process that builds thing" in said.getvalue()


def test_a_key_changes_with_each_part_of_the_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe"
    recipe.write_text("one")
    before = cache.recipe_key("1.0", "a", recipe)
    assert before.startswith("1.0-")
    assert cache.recipe_key("1.0", "a", recipe) == before
    assert cache.recipe_key("1.1", "a", recipe) != before
    assert cache.recipe_key("1.0", "b", recipe) != before
    recipe.write_text("two")
    assert cache.recipe_key("1.0", "a", recipe) != before


def test_parts_that_only_meet_elsewhere_have_different_keys() -> None:
    assert cache.recipe_key("1", "ab", "c") != cache.recipe_key("1", "a", "bc")
