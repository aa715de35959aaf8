"""A token must reach the repositories that it is for, and no other place: no neighbour, no like-named server."""

import pytest

from amalthea.sidecars.gitproxy.rules.matching import Repository, provider, renamed, repository
from amalthea.sidecars.http.origins import Origin, origin

REPOSITORIES = tuple(
    made
    for made in (
        repository("https://git.example.org/lab/data", "plain"),
        repository("https://www.example.com/lab/data.git", "www"),
        repository("https://git.example.org:8443/lab/data/", "port"),
        repository("http://git.example.org/lab/data", "http"),
        repository("https://git.example.org/group/sub/deep", "deep"),
        repository("https://git.example.org/lab/über", "umlaut"),
        repository("https://git.example.org/my%20lab/data", "blank"),
        repository("https://me:secret@git.example.org/mine", "credentials"),
    )
    if made is not None
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://git.example.org/lab/data", "plain"),
        ("https://git.example.org/lab/data.git/info/refs?service=git-upload-pack", "plain"),
        ("https://git.example.org/lab/data.git/info/lfs/objects/batch", "plain"),
        ("https://GIT.example.ORG/lab/data/", "plain"),
        ("https://git.example.org:443/lab/data", "plain"),
        ("https://www.git.example.org/lab/data", "plain"),
        ("https://example.com/lab/data/info/refs", "www"),
        ("https://www.example.com/lab/data.git/info/refs", "www"),
        ("https://git.example.org:8443/lab/data", "port"),
        ("http://git.example.org/lab/data", "http"),
        ("http://git.example.org:80/lab/data", "http"),
        ("https://git.example.org/group/sub/deep/x", "deep"),
        ("https://git.example.org/lab/%C3%BCber", "umlaut"),
        ("https://git.example.org/mine/info/refs", "credentials"),
        ("https://git.example.org/lab/d%61ta/info/refs", "plain"),
        ("https://git.example.org/lab/data-of-others", None),
        ("https://git.example.org/lab/data.github", None),
        ("https://git.example.org/lab", None),
        ("https://git.example.org/", None),
        ("https://git.example.org//lab/data", None),
        ("https://git.example.org/lab%2Fdata", None),
        ("https://git.example.org/lab/data/../other", None),
        ("https://git.example.org/lab/data/%2e%2e/other", None),
        ("https://git.example.org/lab/data/a%20b", None),
        ("https://git.example.org/my%20lab/data/info/refs", "blank"),
        ("https://git.example.org/my%20lab%20/data", None),
        ("https://git.example.org/lab/data/.gitattributes", "plain"),
        ("https://git.example.org/lab/data/@me/~x/a=b,c+d", "plain"),
        ("https://git.example.org/lab/data/%C3%BC/%E6%97%A5%E6%9C%AC.md", "plain"),
        ("https://git.example.org/lab/data/info/refs?service=../..", "plain"),
        ("https://git.example.org/lab/data/.", None),
        ("https://git.example.org/lab/data/..", None),
        ("https://git.example.org/lab/data/.../x", None),
        ("https://git.example.org/lab/data/..%20/x", None),
        ("https://git.example.org/lab/data/%20../x", None),
        ("https://git.example.org/lab/data/.%20./x", None),
        ("https://git.example.org/lab/data/..%09/x", None),
        ("https://git.example.org/lab/data/.%00./x", None),
        ("https://git.example.org/lab/data/..%00x/x", None),
        ("https://git.example.org/lab/data/x%00/..", None),
        ("https://git.example.org/lab/data/..%0d%0a/x", None),
        ("https://git.example.org/lab/data/.%7f./x", None),
        ("https://git.example.org/lab/data/%c0%ae%c0%ae/x", None),
        ("https://git.example.org/lab/data/%e0%80%ae%e0%80%ae/x", None),
        ("https://git.example.org/lab/data/%c0%af..%c0%afx", None),
        ("https://git.example.org/lab/data/%ff/x", None),
        ("https://git.example.org/lab/data/%ed%a0%80/x", None),
        ("https://git.example.org/lab/data/%ef%bf%bd/x", None),
        ("https://git.example.org/lab/data/%ef%bc%8e%ef%bc%8e/x", None),
        ("https://git.example.org/lab/data/%e2%80%a4%e2%80%a4/x", None),
        ("https://git.example.org/lab/data/%e2%80%a5/x", None),
        ("https://git.example.org/lab/data/%ef%bc%8fx", None),
        ("https://git.example.org/lab/data/%e2%88%95x", None),
        ("https://git.example.org/lab/data/%c2%a5x", None),
        ("https://git.example.org/lab/data/.%e2%80%8b./x", None),
        ("https://git.example.org/lab/data/%c2%ad../x", None),
        ("https://git.example.org/lab/data/.%cc%b8./x", None),
        ("https://git.example.org/lab/data/%ef%b8%8f../x", None),
        ("https://git.example.org/lab/data/%u002e%u002e/x", None),
        ("https://git.example.org/lab/data/%25252e%25252e/x", None),
        ("https://git.example.org/lab/data/%2/x", None),
        ("https://git.example.org/lab/data/x;/../y", None),
        ("https://git.example.org/lab/data/x;y=z", None),
        ("https://git.example.org/lab/data/%3f/../x", None),
        ("https://git.example.org/lab/data/%3fx", None),
        ("https://git.example.org/lab/data/#/../../x", None),
        ("https://git.example.org/lab/data/%23x", None),
        ("https://git.example.org/lab/data/..::$INDEX_ALLOCATION/x", None),
        ("https://git.example.org/lab/data/{x}", None),
        ("https://git.example.org/lab/data/a|b", None),
        ("https://git.example.org/lab/data\\..\\x", None),
        ("https://git.example.org/lab/data%00/x", None),
        ("https://git.example.org/lab/data;x/y", None),
        ("https://git.example.org/lab/data%20/y", None),
        ("https://git.example.org/lab;/data/y", None),
        ("https://git.example.org/./lab/data", None),
        ("https://git.example.org/lab/data/\xfcx", None),
        ("https://git.example.org/lab/data/\xc0\xae\xc0\xae/x", None),
        ("https://git.example.org/lab/data/..%2f..%2fapi/v4/user", None),
        ("https://git.example.org/lab/data/x%2F..", None),
        ("https://git.example.org/lab/data/..;/..;/api", None),
        ("https://git.example.org/lab/data/%2e%2e%3bx=1/api", None),
        ("https://git.example.org/lab/data/.;/api", None),
        ("https://git.example.org/lab/data/%252e%252e/x", None),
        ("https://git.example.org/lab/data/..%5c..%5cx", None),
        ("https://git.example.org/lab/data/..\\..\\x", None),
        ("https://git.example.org/group/lab/data", None),
        ("https://git.example.org/?/lab/data", None),
        ("https://git.example.org:8444/lab/data", None),
        ("http://git.example.org:443/lab/data", None),
        ("https://git.example.org.evil.example/lab/data", None),
        ("https://evilgit.example.org/lab/data", None),
    ],
)
def test_a_request_gets_the_token_of_its_repository_and_of_no_other(url: str, expected: str | None) -> None:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    server = origin(scheme, host)
    assert server is not None
    assert provider(REPOSITORIES, server, slash + path) == expected


def test_of_two_repositories_the_one_deeper_in_the_tree_wins() -> None:
    nested = [repository(f"https://git.example.org/{path}", path) for path in ("a", "a/b/c", "a/b")]
    server = Origin("https", "git.example.org", 443)
    assert provider(tuple(each for each in nested if each), server, "/a/b/c/info/refs") == "a/b/c"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "git@git.example.org:lab/data.git",
        "ssh://git.example.org/lab/data",
        "https://git.example.org",
        "https://[",
        "file:///x",
        "https://h:99999/x",
        "https://h:0/x",
        "https://h/../x",
        "https://h/x%2Fy",
        "https://h/x%00",
        "https://h/x%20",
        "https://h/%c0%ae",
    ],
)
def test_what_is_no_repository_of_http_is_none_of_ours(url: str) -> None:
    assert repository(url, "any") is None


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("h", "h"),
        ("h:443", "h"),
        ("h:8443", "h:8443"),
        ("[::1]", "[::1]"),
        ("[::1]:8443", "[::1]:8443"),
        ("H.Example.Org", "h.example.org"),
    ],
)
def test_a_server_is_named_as_a_host_field_names_it(authority: str, expected: str) -> None:
    server = origin("https", authority)
    assert server is not None
    assert server.authority == expected


def known(url: str, *caseless: str) -> tuple[Repository, ...]:
    """Return the one repository that there is a token for."""
    read = repository(url, "own", frozenset(caseless)) if caseless else repository(url, "own")
    assert read is not None
    return (read,)


@pytest.mark.parametrize(
    ("known_as", "asked", "caseless", "expected"),
    [
        ("https://github.com/Example-Org/Data", "/example-org/data.git/info/refs", (), "own"),
        ("https://www.GitHub.com/Example-Org/Data", "/EXAMPLE-ORG/DATA/info/lfs", (), "own"),
        ("https://gitlab.com/a/Sub/Data", "/A/sub/data.git/info/refs", (), "own"),
        ("https://github.com/Example-Org/Data", "/example-org/data2", (), None),
        ("https://git.example.org/Lab/Data", "/lab/data.git/info/refs", (), None),
        ("https://git.example.org/Lab/Data", "/lab/data.git/info/refs", ("git.example.org",), "own"),
        ("https://git.example.org/Lab/Data", "/lab/data.git/info/refs", ("example.org",), None),
    ],
)
def test_letters_are_large_or_small_only_where_the_server_tells_them_apart(
    known_as: str, asked: str, caseless: tuple[str, ...], expected: str | None
) -> None:
    (only,) = known(known_as, *caseless)
    assert provider((only,), only.origin, asked) == expected


def test_the_suffix_of_git_is_large_or_small_where_letters_are_not_told_apart() -> None:
    assert [each.path for each in known("https://github.com/Org/Data.GIT")] == [("Org", "Data")]
    assert [each.path for each in known(f"{OWN}/Org/Data.GIT")] == [("Org", "Data.GIT")]


def test_a_new_name_keeps_that_letters_are_not_told_apart_on_its_server() -> None:
    (only,) = known(f"{OWN}/Org/Data", "git.example.org")
    learned = renamed((only,), only.origin, ASKED, f"{OWN}/Org/Data-New.git/info/refs")
    assert learned is not None
    assert provider((learned,), learned.origin, "/org/data-new.git/info/refs") == "own"


ASKED = "/Org/Data.git/info/refs?service=git-upload-pack"
OWN = "https://git.example.org"


@pytest.mark.parametrize(
    ("asked", "location", "path"),
    [
        (ASKED, f"{OWN}/Org/Data-renamed.git/info/refs?service=git-upload-pack", ("Org", "Data-renamed")),
        (ASKED, "/New-Org/Data.git/info/refs?service=git-upload-pack", ("New-Org", "Data")),
        (ASKED, f"{OWN}:443/x/y/info/refs", ("x", "y")),
        (ASKED, "https://evil.example.org/Org/Data.git/info/refs", None),
        (ASKED, "//evil.example.org/Org/Data.git/info/refs", None),
        (ASKED, "http://git.example.org/Org/Data2.git/info/refs", None),
        (ASKED, f"{OWN}:8443/Org/Data2.git/info/refs", None),
        (ASKED, f"{OWN}/users/sign_in", None),
        (ASKED, f"{OWN}/info/refs", None),
        (ASKED, f"{OWN}/a/../b/info/refs", None),
        (ASKED, f"{OWN}/a%2Fb/info/refs", None),
        (ASKED, "https://[/info/refs", None),
        ("/Org/Data.git/raw/info/refs", f"{OWN}/Evil/Data.git/info/refs", None),
        ("/Org/Other.git/info/refs", f"{OWN}/Evil/Data.git/info/refs", None),
        ("/Org/Data.git/info/lfs/objects/batch", f"{OWN}/Evil/Data.git/info/refs", None),
    ],
)
def test_a_new_name_is_learned_of_the_repositorys_own_server_alone(
    asked: str, location: str, path: tuple[str, ...] | None
) -> None:
    (only,) = known(f"{OWN}/Org/Data")
    learned = renamed((only,), only.origin, asked, location)
    assert (learned.path if learned is not None else None) == path
    assert learned is None or (learned.origin, learned.provider) == (only.origin, "own")
