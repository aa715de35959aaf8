"""An address that is taken apart wrongly sends a password to the wrong place, or writes it into the clone."""

import pytest

from amalthea.sidecars.cloner.access.credentials import Login
from amalthea.sidecars.cloner.access.remote import Remote, likely_folder, parse
from amalthea.sidecars.cloner.errors import Misconfigured


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("https://h.org/a/b.git", Remote("https://h.org/a/b.git", "b", "https://h.org")),
        (" https://h.org/a/b/ ", Remote("https://h.org/a/b/", "b", "https://h.org")),
        ("http://h.org:8080/b", Remote("http://h.org:8080/b", "b", "http://h.org:8080")),
        ("https://[::1]:8443/b", Remote("https://[::1]:8443/b", "b", "https://[::1]:8443")),
        ("https://me:p%40ss@h.org/b", Remote("https://h.org/b", "b", "https://h.org", login=Login("me", "p@ss"))),
        ("https://token@h.org/b", Remote("https://h.org/b", "b", "https://h.org", login=Login("token", ""))),
        ("https://me@evil@h.org/b", Remote("https://h.org/b", "b", "https://h.org", login=Login("me@evil", ""))),
        (
            "https://org@dev.azure.com/org/My%20Project/_git/b",
            Remote(
                "https://dev.azure.com/org/My%20Project/_git/b", "b", "https://dev.azure.com", login=Login("org", "")
            ),
        ),
        ("git@h.org:a/b.git", Remote("git@h.org:a/b.git", "b", is_ssh=True)),
        ("h.org:b", Remote("h.org:b", "b", is_ssh=True)),
        ("ssh://git@h.org:2222/a/b.git", Remote("ssh://git@h.org:2222/a/b.git", "b", is_ssh=True)),
        ("ssh://git:secret@h.org/a/b", Remote("ssh://git@h.org/a/b", "b", is_ssh=True)),
        ("git://h.org/b.git", Remote("git://h.org/b.git", "b")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_address_is_taken_apart(text: str, remote: Remote) -> None:
    assert parse(text, "--remote") == remote


@pytest.mark.parametrize(
    "text",
    [
        "",
        "repository",
        "/etc/secret",
        "file:///etc/secret",
        "ext::sh -c evil",
        "--upload-pack=evil",
        "-oProxyCommand=evil:x",
        "ssh://-oProxyCommand=evil/x",
        "https://h.org/a b",
        "https://h.org/a\nb",
        "https://h.org/a\ud800",
        "git@h.org:a\0b",
        "https://me%0Ahost=evil.org:hush@h.org/a",
        "https://me:hush%00@h.org/a",
        "https://h.org:port/a",
        "https://user:hush@/a",
        "https://user:hush@h.org/..",
        "https://user:hush@h.org/.git",
        "https://user:hush@h.org",
    ],
)
def test_what_git_should_not_be_given_is_refused_with_its_name_and_without_its_secret(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"^--remote .*; write .*\.$") as refused:
        parse(text, "--remote")

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "oauth2:hush@gitlab.com/org/repo.git",
        "me@example.org:hush@gitlab.com/org/repo.git",
        "me:hush@evil@gitlab.com:8443/repo",
        "ext::hush",
        "host::hush/repo",
    ],
)
def test_a_web_address_without_its_scheme_is_no_ssh_address_that_is_shown_whole(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"^--remote is not an address .*; write https:// before it\.$"):
        parse(text, "--remote")


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("www.h.org/o/bad.git", "bad"),
        ("oauth2:hush@h.org/o/bad", "bad"),
        ("https://h.org/bad", "bad"),
        ("", None),
        ("hush", None),
        ("oauth2:hush@h.org", None),
        ("https://me:hush@h.org", None),
        ("www.h.org/..", None),
    ],
)
def test_a_folder_is_named_after_a_path_and_never_after_a_password(text: str, folder: str | None) -> None:
    assert likely_folder(text) == folder


def test_no_password_is_shown() -> None:
    assert "hush" not in repr(parse("https://me:hush@h.org/b", "--remote"))


@pytest.mark.parametrize(
    ("text", "scope", "address"),
    [
        ("git@h.org:a/b.git", "https://h.org", "https://h.org/a/b.git"),
        ("git@H.org:/a/b.git", "https://h.org:8443", "https://h.org:8443/a/b.git"),
        ("ssh://git@h.org:2222/a/b.git", "https://h.org", "https://h.org/a/b.git"),
        ("git@other.org:a/b.git", "https://h.org", "git@other.org:a/b.git"),
        ("git@h.org.evil.org:a/b.git", "https://h.org", "git@h.org.evil.org:a/b.git"),
        ("git@h.org:a/b.git", "", "git@h.org:a/b.git"),
        ("https://h.org/a/b.git", "https://h.org:8443", "https://h.org/a/b.git"),
    ],
)
def test_an_address_for_ssh_is_one_of_the_web_on_the_same_host_alone(text: str, scope: str, address: str) -> None:
    known = parse(text, "--remote").over_the_web(scope)
    assert known.address == address
    assert known == parse(text, "--remote") or (known.scope, known.is_ssh, known.login) == (scope, False, None)
