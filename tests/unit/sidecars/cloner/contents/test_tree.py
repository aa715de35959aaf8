"""Files of a commit that are not to be checked out, although git would."""

from collections.abc import Iterator

import pytest

from amalthea.sidecars.cloner.contents import tree


def _entries(*paths: str, mode: str = "100644") -> list[bytes]:
    return [f"{mode} blob {'ab' * 20}\t{path}".encode() for path in paths]


@pytest.mark.parametrize(
    "paths",
    [
        (),
        ("a", "b/c", "b/d", "e"),
        ("d-x", "d.x", "d/x", "d0"),
        ("a", "a-b", "a.b", "a0"),
        ("d", "d-/x", "d.x", "dd/x"),
        ("Z", "a", "ä"),
    ],
)
def test_files_in_git_s_order_are_fine(paths: tuple[str, ...]) -> None:
    assert tree.fault_of(_entries(*paths)) is None


@pytest.mark.parametrize(
    "paths",
    [
        ("a", "a"),
        ("d", "d/x"),
        ("d", "d-x", "d/x"),
        ("d", "d-x", "d-x.y", "d.x", "d/x"),
        ("d/x", "d"),
        ("d/e", "d/e-x", "d/e/f"),
        ("b", "a"),
    ],
)
def test_a_file_and_a_folder_of_one_name_are_not_checked_out(paths: tuple[str, ...]) -> None:
    fault = tree.fault_of(_entries(*paths))

    assert fault == "its files are out of order, or two have the same name; ask its owner to repair it with git fsck"


@pytest.mark.parametrize(
    ("path", "mode", "is_refused"),
    [
        (".lfsconfig", "120000", True),
        (".gitmodules", "120000", True),
        (".lfsconfig", "100644", False),
        ("sub/.lfsconfig", "120000", False),
        (".gitignore", "120000", False),
    ],
)
def test_settings_that_are_a_link_are_not_checked_out(path: str, mode: str, is_refused: bool) -> None:
    fault = tree.fault_of(_entries(path, mode=mode))

    assert (fault is not None) is is_refused
    assert not is_refused or fault == f"its file {path} is a symbolic link; ask its owner to make it a file"


def test_files_without_end_are_not_listed_to_the_end() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield from _entries(f"{taken:020}")

    assert tree.fault_of(endless()) == "it has more than 1,000,000 files; clone it in the session"
    assert taken == tree.MOST_FILES + 1


@pytest.mark.parametrize(("size", "is_refused"), [("1000000", False), ("1000001", True), ("-", False)])
def test_settings_of_any_size_are_not_read(size: str, is_refused: bool) -> None:
    fault = tree.fault_of_sizes([f"100644 blob {'ab' * 20} {size:>7}\t.gitmodules".encode()])

    assert (fault is not None) is is_refused
