"""Whatever is in secrets, variables and addresses: it can be used as it is, or is refused in one line.

Seconds here; `make fuzz` goes on for minutes (FUZZ_EXAMPLES).
"""

import json
import os
import re
from dataclasses import replace
from urllib.parse import urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from amalthea.sidecars.cloner import variables
from amalthea.sidecars.cloner.access import credentials, remote
from amalthea.sidecars.cloner.access.credentials import Key, Login
from amalthea.sidecars.cloner.errors import Misconfigured

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
ADDRESSES = (
    "https://",
    "http://",
    "ssh://",
    "git://",
    "ext::",
    "file:///",
    "git@h.org:",
    "h.org",
    "me:s3cret@",
    "/a/b",
)
ODD = (
    "\0",
    "\r",
    "\n",
    "\t",
    " ",
    "\u2028",
    "\u00a0",
    "\ud800",
    "\udc80",
    "%0A",
    "%00",
    "%40",
    "..",
    "-",
    "[",
    "]",
    "{",
)
KEYS = ("username", "Password", "privateKey", "knownHosts", "caCertificates")
YAML = (": ", ":\n  ", "- ", "&a ", "*a", "!!int ", "|\n  ", "---\n", "'", '"', "\\ud800", "\\U99999999", "\\0", "#")
JSON = (
    '{"url": ',
    '"branch": ',
    '"id": ',
    '"https://h.org/a"',
    '"a"',
    '"\\ud800"',
    '"\\u0000"',
    "null",
    "1e999",
    "9" * 5000,
)
NAMES = (
    *("MOUNT_PATH", "LFS_AUTO_FETCH", "IS_GIT_PROXY_ENABLED", "GIT_PROXY_PORT", "USER__FULL_NAME", "USER__RENKU_TOKEN"),
    *("SENTRY__ENABLED", "SENTRY__SAMPLE_RATE", "REPOSITORIES_0_", "REPOSITORIES_1_", "GIT_PROVIDERS_0_"),
)
DEEP = st.builds(
    lambda piece, times: piece * times, st.sampled_from(("[", "{a: ", '{"a": ', "- ")), st.integers(1, 5000)
)


def texts(*pieces: str) -> st.SearchStrategy[str]:
    """Return texts that are put together from pieces, with others between them."""
    return st.lists(st.one_of(st.sampled_from((*pieces, *ODD)), st.text(max_size=4)), max_size=12).map("".join)


entries = st.dictionaries(
    st.sampled_from(("url", "provider", "branch", "commit_sha", "id", "access_token_url")),
    st.one_of(texts(*ADDRESSES), st.none(), st.integers()),
).map(json.dumps)


def assert_is_told(error: Misconfigured) -> None:
    """A refusal is one line, without a secret."""
    assert str(error).isprintable()
    assert "s3cret" not in str(error)


def assert_can_be_given(text: str) -> None:
    """A program can be called with this, and a file be named by it."""
    assert b"\0" not in text.encode()


@settings(max_examples=EXAMPLES, deadline=None)
@given(texts(*KEYS, *YAML, "s3cret"))
def test_a_secret_holds_credentials_that_git_and_ssh_can_carry_or_is_refused(text: str) -> None:
    try:
        access = credentials.read(text, "It")
    except Misconfigured as error:
        assert_is_told(error)
        return
    match access.credentials:
        case Login(username, password):
            assert_can_be_given(username + password)
            assert not re.search(r"[\r\n]", username + password)
        case Key(key, passphrase, known_hosts):
            assert_can_be_given(key + passphrase)
            assert known_hosts.encode() is not None
            assert not re.search(r"[\r\n]", passphrase)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(entries, texts(*JSON, "0", "1", "None"), DEEP)))
def test_variables_are_read_or_refused_and_a_bad_entry_is_a_fault_of_its_own(values: dict[str, str]) -> None:
    given_values = {f"GIT_CLONE_{name}": value for name, value in {"MOUNT_PATH": "/work", **values}.items()}
    try:
        read = variables.read(given_values)
    except Misconfigured as error:
        assert_is_told(error)
        return
    for told in (*read.faults, *(repository.fault for repository in read.repositories)):
        assert_is_told(Misconfigured(told))
    for repository in read.repositories:
        if not repository.fault:
            assert_can_be_given(repository.branch + repository.commit_sha)
            where_it_is(repository.url)


@settings(max_examples=EXAMPLES, deadline=None)
@given(texts(*ADDRESSES))
def test_an_address_is_taken_apart_or_refused(text: str) -> None:
    where_it_is(text)
    name = remote.likely_folder(text)
    assert name is None or "/" not in name


def where_it_is(text: str) -> None:
    """An address that is not refused shows no password, is the same when it is read again, and names one folder."""
    try:
        found = remote.parse(text, "It")
    except Misconfigured as error:
        assert_is_told(error)
        return
    assert_can_be_given(found.address)
    assert remote.parse(found.address, "It") == replace(found, login=None)
    assert "/" not in found.folder
    assert found.folder not in ("", ".", "..")
    if found.scope:
        assert "@" not in urlsplit(found.address).netloc
    if found.login is not None:
        assert not re.search(r"[\0\r\n]", found.login.username + found.login.password)
