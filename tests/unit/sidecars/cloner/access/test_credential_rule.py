"""A repository chooses the addresses of its submodules and large files; the password must not follow to any of them."""

import pytest

from amalthea.sidecars.cloner.access.credential_rule import Rule, siblings
from amalthea.sidecars.cloner.access.credentials import Login

LOGIN = Login("me", "hush")
ANSWER = "username=me\npassword=hush\n"


def ask(rule: Rule, path: str, protocol: str = "https", host: str = "h.org") -> str:
    return rule.answer(f"protocol={protocol}\nhost={host}\npath={path}\n")


@pytest.mark.parametrize(
    "path",
    [
        "group/project.git",
        "group/project",
        "/group/project.git/",
        "group/project.git/info/lfs",
        "group/project/info/lfs",
    ],
)
def test_the_repository_itself_and_its_large_files_get_the_password(path: str) -> None:
    for address in ("https://h.org/group/project.git", "https://h.org/group/project", "https://h.org/group/project/"):
        assert ask(Rule(LOGIN, address), path) == ANSWER


@pytest.mark.parametrize(
    ("path", "protocol", "host"),
    [
        ("group/other.git", "https", "h.org"),
        ("group", "https", "h.org"),
        ("", "https", "h.org"),
        ("/", "https", "h.org"),
        ("sessions/mallory/x.git", "https", "h.org"),
        ("group/project.git.evil", "https", "h.org"),
        ("group/project2", "https", "h.org"),
        ("group/project.git/../../sessions/x", "https", "h.org"),
        ("group/project.git/./x", "https", "h.org"),
        ("group/project.git/%2e%2e/x", "https", "h.org"),
        ("group/project.git/..\\x", "https", "h.org"),
        ("group/project.git/\x01", "https", "h.org"),
        ("group/project.git/..;a/other/x.git", "https", "h.org"),
        ("group/project.git/.. /other", "https", "h.org"),
        ("group/project.git/\uff0e\uff0e/other", "https", "h.org"),
        ("Group/project.git", "https", "h.org"),
        ("group/project.git", "http", "h.org"),
        ("group/project.git", "https", "h.org:8443"),
        ("group/project.git", "https", "evil.org"),
        ("group/project.git", "https", "h.org.evil.org"),
        ("group/project.git", "https", ""),
    ],
)
def test_no_other_address_gets_the_password(path: str, protocol: str, host: str) -> None:
    assert ask(Rule(LOGIN, "https://h.org/group/project.git"), path, protocol, host) == ""


@pytest.mark.parametrize(
    ("address", "covered"),
    [
        ("https://h.org/group/project.git/info/lfs", True),
        ("https://h.org/group/project/info/lfs", True),
        ("https://h.org/sessions/mallory/lfs", False),
        ("https://evil.org/group/project.git/info/lfs", False),
        ("https://h.org/group/project.git%2f..%2f..%2fsessions", False),
        ("https://h.org\r/group/project.git", False),
        ("https://[h.org/group/project.git", False),
        ("http://h.org/group/project.git", False),
        ("/etc", False),
    ],
)
def test_the_password_is_for_no_other_address_that_the_repository_names(address: str, covered: bool) -> None:
    assert Rule(LOGIN, "https://h.org/group/project.git").covers(address) is covered


def test_a_question_without_a_path_is_not_answered() -> None:
    assert Rule(LOGIN, "https://h.org/a").answer("protocol=https\nhost=h.org\n") == ""


def test_paths_that_somebody_vouched_for_get_the_password_too() -> None:
    rule = Rule(LOGIN, "https://h.org/group/project.git", ("/group/inner", "/shared/"))
    assert ask(rule, "group/inner.git") == ask(rule, "shared/data.git") == ANSWER
    assert ask(rule, "group/inner2.git") == ask(rule, "sharedx/data.git") == ""
    assert ask(Rule(LOGIN, "https://h.org/a", ("/",)), "any/thing.git") == ANSWER


def test_the_same_server_by_tls_gets_what_was_meant_for_it_without() -> None:
    assert ask(Rule(LOGIN, "http://h.org/a"), "a", "https") == ANSWER


def test_an_address_that_is_none_is_no_sibling_and_stops_nothing() -> None:
    assert siblings(["https://[bad/x", "https://h.org/b"], "https://h.org/a") == ("/b",)


def test_siblings_are_those_on_the_same_server() -> None:
    listed = ["https://h.org/a%20b/c.git", "https://h.org:444/x", "http://h.org/y", "https://evil.org/z", "git@h.org:q"]
    assert siblings(listed, "https://h.org/me.git") == ("/a b/c.git",)
