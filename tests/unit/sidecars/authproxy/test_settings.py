"""A typo must not open the door: what cannot be used is named with place and remedy, and no secret is shown."""

from pathlib import Path

import pytest

from amalthea.sidecars.authproxy import document, settings
from amalthea.sidecars.authproxy.document import Given, SettingsError
from amalthea.sidecars.authproxy.settings import Settings

SECRET = "do-not-show-me"
REMOTE = {"AUTHPROXY_REMOTE": "http://127.0.0.1:8888"}
PATH = "/etc/authproxy/config"


def read(content: str | None, env: dict[str, str] | None = None) -> Settings:
    file = None if content is None else document.parse(content, PATH)
    return settings.read({}, {**REMOTE, **(env or {})}, file)


@pytest.mark.parametrize(
    "content",
    [
        f"token: {SECRET}",
        f"authproxy:\n  token: {SECRET}\n",
        f'{{"authproxy": {{"token": "{SECRET}"}}}}',
        f"# a comment\nToken: '{SECRET}'  # and one more\n",
        f"\ufefftoken: {SECRET}\r\n",
        f"---\r\nauthproxy:\r\n  token: {SECRET}\r\n",
    ],
)
def test_the_file_has_its_keys_at_the_top_or_below_authproxy(content: str) -> None:
    known = read(content)
    assert known == Settings(SECRET, "renku-auth", "127.0.0.1:8888", 65535, 65534, None, verbose=False)
    assert SECRET not in repr(known)


def test_every_key_is_read() -> None:
    content = f"""
        token: {SECRET}
        cookie_key: key
        remote: http://[::1]:1234/
        port: 8000
        meta_port: "8001"
        strip_path_prefix: /sessions/mine/
        cookie_path: /sessions/mine/
        verbose: yes
    """
    known = settings.read({}, {}, document.parse(content, PATH))
    assert known == Settings(
        SECRET, "key", "[::1]:1234", 8000, 8001, "/sessions/mine", verbose=True, cookie_path="/sessions/mine"
    )


def test_a_flag_goes_before_a_variable_and_a_variable_before_the_file() -> None:
    env = {"AUTHPROXY_PORT": "2", "AUTHPROXY_META_PORT": "", "AUTHPROXY_VERBOSE": "false"}
    file = document.parse("token: a\nport: 1\nmeta_port: 3\nremote: http://h", PATH)
    assert settings.read({"verbose": Given("true", "--verbose")}, env, file) == Settings(
        "a", "renku-auth", "h:80", 2, 3, None, verbose=True
    )


@pytest.mark.parametrize(
    ("content", "env", "token"),
    [
        (None, {}, ""),
        ('token: ""', {}, ""),
        (None, {"AUTHPROXY_TOKEN": SECRET}, SECRET),
        ("cookie_key: x", {"AUTHPROXY_TOKEN": SECRET}, SECRET),
        ('token: ""', {"AUTHPROXY_TOKEN": SECRET}, SECRET),
        (f"token: {SECRET}", {"AUTHPROXY_TOKEN": ""}, SECRET),
        ("token: '0123'", {}, "0123"),
        ("token: 'null'", {}, "null"),
    ],
)
def test_everybody_is_let_in_only_where_that_was_said(content: str | None, env: dict[str, str], token: str) -> None:
    assert read(content, env).token == token


@pytest.mark.parametrize(
    ("path", "kept"),
    [("/x/", "/x"), ("/", "/"), ("", None), ("/a%20b", "/a%20b"), ("/a b", None), ("/a;b", None), ("/ä", None)],
)
def test_a_key_that_is_entered_by_hand_is_asked_for_only_where_a_cookie_can_have_the_path(
    path: str, kept: str | None
) -> None:
    assert read(None, {"AUTHPROXY_COOKIE_PATH": path}).cookie_path == kept


@pytest.mark.parametrize(("text", "seconds"), [("", 25), ("1", 1), ("600", 600)])
def test_a_stop_takes_as_long_as_is_said(text: str, seconds: int) -> None:
    assert read(None, {"AUTHPROXY_STOP_WITHIN": text}).stop_within == seconds


@pytest.mark.parametrize("text", ["0", "601", "-1", "1.5", "1s", "٣", "9" * 99])
def test_a_stop_that_takes_no_time_or_for_ever_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^AUTHPROXY_STOP_WITHIN is not a duration; write whole seconds"):
        read(None, {"AUTHPROXY_STOP_WITHIN": text})


@pytest.mark.parametrize(("prefix", "cut"), [("/x/", "/x"), ("/x", "/x"), ("/", ""), ("", None)])
def test_a_prefix_is_cut_without_its_last_slash(prefix: str, cut: str | None) -> None:
    assert read(None, {"AUTHPROXY_STRIP_PATH_PREFIX": prefix}).strip_path_prefix == cut


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", f'{PATH} has no keys; write lines such as token: "the session\'s key".'),
        (SECRET, f"{PATH} has no keys; write"),
        (f"- {SECRET}", f"{PATH} has no keys; write"),
        ("authproxy:", f"authproxy in {PATH} has no keys; write"),
        (f"token: {SECRET}\nport: [1", f"{PATH}, line 2 is not YAML; write lines"),
        (f"token: {SECRET}\n\tport: 1", f"{PATH}, line 2 is not YAML"),
        (f"token: {SECRET}\x07", f"{PATH} is not YAML"),
        ('token: "\\UFFFFFFFF"', f"{PATH}"),
        ("[" * 2000, f"{PATH} is not YAML"),
        ("port: 1", "The configuration file has no token; write one, or token:"),
        ("authproxy: {}", "The configuration file has no token; write one"),
        (f"tokn: {SECRET}", f"tokn in {PATH} is not a known key; did you mean token?"),
        (f"cookie-key: {SECRET}", f"cookie-key in {PATH} is not a known key; did you mean cookie_key?"),
        (
            f"token: {SECRET}\nzzz: 1",
            f"zzz in {PATH} is not a known key; the known keys are token, cookie_key, remote, port",
        ),
        (f"\n{SECRET}0: x", f"The key on line 2 in {PATH} is not a known key; the known keys are"),
        (f"authproxy: {{}}\ntoken: {SECRET}", f"authproxy in {PATH} is not a known key; the known keys are"),
        (f"? [{SECRET}]\n: x", f"The key on line 1 in {PATH} is not a known key"),
        (f"<<: {{token: {SECRET}}}", f"The key on line 1 in {PATH} is not a known key"),
        (f'token: {SECRET}\ntoken: ""', f"token in {PATH} is given twice; remove one of them."),
        (f'token: {SECRET}\nTOKEN: ""', f"token in {PATH} is given twice; remove one of them."),
        (f"token: [{SECRET}]", f"token in {PATH} is a list or a mapping; write one value."),
        ("token:", f"token in {PATH} is not text; put it in quotes"),
        ("token: 123", f"token in {PATH} is not text; put it in quotes"),
        ("token: null", f"token in {PATH} is not text"),
        ("token: true", f"token in {PATH} is not text"),
        (f"token: |\n  {SECRET}\n", f"token in {PATH} contains a line break or another control character; remove it."),
        (f'token: "{SECRET}\\0"', f"token in {PATH} contains a line break or another control"),
        (f'token: "{SECRET}\\uD800"', f"token in {PATH} contains a line break or another control"),
        (f"token: {SECRET * 400}", f"token in {PATH} is longer than 4096 bytes; shorten it."),
        ("token: " + "\U0001f600" * 1025, f"token in {PATH} is longer than 4096 bytes; shorten it."),
        ("token: a\ncookie_key: a b", f"cookie_key in {PATH} cannot name a cookie; write letters, digits"),
        ("token: a\ncookie_key: ''", f"cookie_key in {PATH} cannot name a cookie"),
        (f"token: a\ncookie_key: {'x' * 257}", f"cookie_key in {PATH} cannot name a cookie"),
        ("token: a\ncookie_key: ü", f"cookie_key in {PATH} cannot name a cookie"),
        ("token: a\ncookie_key: 12", f"cookie_key in {PATH} cannot name a cookie"),
        ("token: a\nport: 0", f"port in {PATH} is not a port; write a whole number from 1 to 65535."),
        ("token: a\nport: 65536", f"port in {PATH} is not a port"),
        ("token: a\nport: -1", f"port in {PATH} is not a port"),
        ("token: a\nport: x", f"port in {PATH} is not a port"),
        ("token: a\nport: ²", f"port in {PATH} is not a port"),
        ("token: a\nport: 1e3", f"port in {PATH} is not a port"),
        ("token: a\nport: true", f"port in {PATH} is not a port"),
        ("token: a\nport:", f"port in {PATH} is not a port"),
        ("token: a\nport: 65534", "port and meta_port are both 65534; give each its own."),
        ("token: a\nstrip_path_prefix: x", f"strip_path_prefix in {PATH} does not begin with a slash; write a path"),
        ("token: a\nverbose: perhaps", f"verbose in {PATH} is neither true nor false; write one of them."),
    ],
    ids=lambda text: text[:30],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line_with_the_remedy(content: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(content)
    told = str(refused.value)
    assert told.startswith(message)
    assert (SECRET in told, "\n" in told) == (False, False)


@pytest.mark.parametrize(
    "remote",
    [
        "127.0.0.1:8888",
        "https://h:1",
        "http://",
        "http://h:x",
        "http://h:0",
        "http://h:65536",
        "http://h/path",
        "http://u:p@h",
        "http://h?x",
        "http://h h",
        "http://[::1",
        "http://h\nserver x",
    ],
)
def test_a_remote_that_is_no_plain_http_address_is_refused(remote: str) -> None:
    with pytest.raises(SettingsError, match=r"^AUTHPROXY_REMOTE (is not an http address; write|contains a line break)"):
        read(None, {"AUTHPROXY_REMOTE": remote})


def test_a_missing_remote_is_told() -> None:
    with pytest.raises(SettingsError, match=r"^remote is missing; set AUTHPROXY_REMOTE"):
        settings.read({}, {}, None)


def test_a_control_character_anywhere_is_refused() -> None:
    for key in document.KEYS:
        with pytest.raises(SettingsError, match=rf"^AUTHPROXY_{key.upper()} contains a line break"):
            read(None, {f"AUTHPROXY_{key.upper()}": "/x\ny"})


def test_the_files_path_is_told_as_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^port in {tmp_path}/x is not a port"):
        settings.read({}, REMOTE, document.parse("token: a\nport: x", f"{tmp_path}/x"))
