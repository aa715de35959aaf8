"""Names and paths of submodules become folders, so none may lead out of the clone or into git's own."""

import pytest

from amalthea.sidecars.cloner.contents.submodules import fault_among, fault_of, links_by_path, paths_by_name

SEPARATORS = [chr(code) for code in (*range(0x20), 0x7F, 0x85, 0x2028, 0x2029, 0x200B, 0x200C, 0x202E, 0xFEFF)]


@pytest.mark.parametrize("sign", SEPARATORS, ids=lambda sign: f"U+{ord(sign):04X}")
def test_a_separator_or_control_character_is_refused(sign: str) -> None:
    assert fault_of(f"evil{sign}", "fine") is not None
    assert fault_of("fine", f"evil{sign}") is not None


@pytest.mark.parametrize(
    "text",
    [
        *("..", ".", "../x", "a/../../b", "a/..", "./a", "/etc", "//host/x", "a//b", "", "-u", "--upload-pack=x"),
        *("a\\..\\b", "C:", "c:/x", "a:b"),
        *(
            ".git",
            ".GIT",
            ".Git/hooks",
            "a/.git",
            "a/.gIt/b",
            "git~1",
            "GIT~2",
            ".git ",
            ".git.",
            ".git. .",
            "a/git~1/x",
        ),
    ],
)
def test_a_path_that_leads_out_or_into_gits_own_folder_is_refused(text: str) -> None:
    assert fault_of("fine", text) is not None
    assert fault_of(text, "fine") is not None


@pytest.mark.parametrize("text", ["inner", "libs/inner", "with space", "ümläut", "a.git", "x/.github", "..a", "a..b"])
def test_an_ordinary_one_is_not(text: str) -> None:
    assert fault_of(text, text) is None


def test_paths_are_read_as_git_tells_them() -> None:
    listed = "submodule.a.b.path\nlibs/a/\0submodule.a.b.url\n../x\0submodule.x\ny.path\nevil\n\0core.path\nno\0"
    assert paths_by_name(listed) == {"a.b": "libs/a", "x\ny": "evil\n"}


def test_links_are_told_from_files() -> None:
    tree = [b"160000 commit 1111\tlibs/a", b"100644 blob 2222\tfile", b"160000 commit 3333\twith\ttab"]
    assert links_by_path(tree) == {"libs/a": "1111", "with\ttab": "3333"}


@pytest.mark.parametrize(
    ("names", "is_refused"),
    [(("a", "a/hooks"), True), (("a/b", "a"), True), (("a", "ab", "a-b/c"), False), (("a/b", "a/c"), False)],
)
def test_no_submodule_is_kept_inside_another_one(names: tuple[str, ...], is_refused: bool) -> None:
    assert any(fault_among(name, names) for name in names) is is_refused
