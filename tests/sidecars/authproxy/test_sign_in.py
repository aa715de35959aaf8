"""Users with the key but no cookie enter it in a form: it must open this session only, and lead nobody elsewhere."""

import asyncio
from hashlib import sha256
from urllib.parse import quote_plus, urljoin, urlsplit

import pytest

from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import NAVIGATION, Answer, Door
from tests.sidecars.authproxy.session import Session

KEY = "a+key/with=signs&%20"
PATH = {"AUTHPROXY_COOKIE_PATH": "/sessions/mine/"}
FORM = "Content-Type: application/x-www-form-urlencoded"


def field_named(path: str) -> str:
    return f"amalthea-key-{sha256(path.encode()).hexdigest()[:12]}"


FIELD = field_named("/sessions/mine")


@pytest.fixture
async def form_door(open_door: Open) -> Door:
    return await open_door(env=PATH, token=KEY)


async def show(door: Door, key: str, *fields: str, target: str = "/sessions/mine/lab?a=b", name: str = FIELD) -> Answer:
    body = f"{name}={quote_plus(key)}&other=1".encode()
    return await door.ask(target, FORM, NAVIGATION, *fields, method="POST", body=body)


async def test_who_shows_the_key_gets_it_as_a_cookie_for_this_session_only_and_the_page_that_was_wanted(
    form_door: Door, session: Session
) -> None:
    refused = await form_door.ask("/sessions/mine/lab?a=b", NAVIGATION)
    assert refused.status == 400
    assert b'<form method="post">' in refused.body
    opened = await show(form_door, KEY)
    assert opened.status == 303
    assert opened.field("location") == "/./sessions/mine/lab?a=b"
    cookie = opened.field("set-cookie")
    assert cookie == f"renku-auth={KEY}; Path=/sessions/mine; HttpOnly; SameSite=Strict"
    assert session.heads == [], "the session sees nothing of it"
    assert (await form_door.ask("/sessions/mine/lab", f"Cookie: {cookie.partition(';')[0]}")).status == 200


@pytest.mark.parametrize(
    ("fields", "secure"),
    [
        (("X-Forwarded-Proto: https",), True),
        (("X-Forwarded-Proto: http", "Origin: https://session.example.org"), True),  # TLS ends before the cluster
        (("Origin: https://session.example.org",), True),
        (("X-Forwarded-Proto: http", "Origin: http://session.example.org"), False),
        (("Origin: null",), False),
    ],
    ids=str,
)
async def test_behind_https_the_cookie_goes_nowhere_else(
    form_door: Door, fields: tuple[str, ...], secure: bool
) -> None:
    opened = await show(form_door, KEY, *fields)
    assert (opened.field("set-cookie") or "").endswith("; Secure") == secure


@pytest.mark.parametrize("key", ["", "another", KEY[:-1], f"{KEY}x", KEY.upper()])
async def test_another_key_opens_nothing_and_says_so(form_door: Door, session: Session, key: str) -> None:
    answer = await show(form_door, key)
    assert answer.status == 401
    assert b"This key does not open the session" in answer.body
    assert answer.field("set-cookie") is None
    assert b'<form method="post">' in answer.body
    assert session.heads == []


@pytest.mark.parametrize(
    "target", ["//evil.example.org/%2e%2e/?a=//b", "/\\\\evil.example.org/", "/..//evil.example.org/"]
)
async def test_nobody_is_led_to_another_host(form_door: Door, target: str) -> None:
    opened = await show(form_door, KEY, target=target)
    assert opened.field("location") == f"/.{target}"
    led = urlsplit(urljoin("https://session.example.org/x", (opened.field("location") or "").replace("\\", "/")))
    assert (led.scheme, led.netloc) == ("https", "session.example.org")


async def test_another_form_of_who_has_no_key_is_not_taken_for_a_wrong_one(form_door: Door) -> None:
    answer = await form_door.ask("/x", FORM, NAVIGATION, method="POST", body=b"other=1")
    assert (answer.status, b"Please sign in" in answer.body) == (400, True)


@pytest.mark.parametrize("key", [KEY, "another", ""])
@pytest.mark.parametrize("shown", [f"Authorization: Bearer {KEY}", f"Cookie: renku-auth={KEY}"])
async def test_who_is_in_already_and_sends_the_form_again_does_not_hand_it_to_the_session(
    form_door: Door, session: Session, key: str, shown: str
) -> None:
    answer = await show(form_door, key, shown)
    assert answer.status == 303
    assert answer.field("location") == "/./sessions/mine/lab?a=b"
    assert (answer.field("set-cookie") is not None) == (key == KEY)
    assert session.heads == []


async def test_a_key_that_comes_after_its_head_does_not_reach_the_session_either(
    form_door: Door, session: Session
) -> None:
    browser = await form_door.connect()
    head = (
        f"POST / HTTP/1.1\r\nHost: h\r\n{FORM}\r\nCookie: renku-auth={KEY}\r\nContent-Length: {len(FIELD) + 2}\r\n\r\n"
    )
    await browser.send(head.encode())
    for character in f"{FIELD}=k":
        await browser.send(character.encode())
        await asyncio.sleep(0)
    assert (await browser.answer()).status == 303
    assert session.heads == []


async def test_a_content_type_in_capitals_does_not_take_the_key_to_the_session(
    form_door: Door, session: Session
) -> None:
    body = f"{FIELD}={quote_plus(KEY)}".encode()
    answer = await form_door.ask("/x", FORM.upper(), f"Authorization: Bearer {KEY}", method="POST", body=body)
    assert answer.status == 303
    assert session.heads == []


@pytest.mark.parametrize("owner", ["127.0.0.1", "127.0.0.2"], ids=["elsewhere", "behind the same ingress"])
async def test_half_sent_forms_do_not_switch_the_form_off(form_door: Door, owner: str) -> None:
    body = f"{FIELD}={quote_plus(KEY)}".encode()
    head = f"POST /x HTTP/1.1\r\nHost: h\r\n{FORM}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for _ in range(24):
        await (await form_door.connect(source="127.0.0.2")).send(head)
    browser = await form_door.connect(source=owner)
    await browser.send(head)
    assert (await form_door.ask("/__amalthea__/health")).status == 200  # the door has read the head
    await browser.send(body)
    assert (await browser.answer()).status == 303


async def test_a_form_of_the_session_itself_is_its_own(form_door: Door, session: Session) -> None:
    answer = await show(form_door, KEY, f"Authorization: Bearer {KEY}", name="key")
    assert answer.status == 200
    assert session.heads[0].startswith(b"POST /sessions/mine/lab?a=b ")


async def test_the_field_is_named_after_the_session_and_no_password_manager_keeps_it(open_door: Open) -> None:
    names = set()
    for path in ("/sessions/mine/", "/sessions/another/", "/sessions/mine"):
        door = await open_door(env={"AUTHPROXY_COOKIE_PATH": path}, token=KEY)
        page = (await door.ask(path, NAVIGATION)).body.decode()
        names.add(page.partition('<input name="')[2].partition('"')[0])
        assert 'autocomplete="off"' in page
        assert 'type="password"' not in page
    assert len(names) == 2


async def test_a_path_in_percent_signs_and_a_quoted_name_are_kept_as_they_are(open_door: Open) -> None:
    door = await open_door(env={"AUTHPROXY_COOKIE_PATH": "/a%20b%[src]/"}, token=KEY, cookie_key="a%'b")
    opened = await show(door, KEY, name=field_named("/a%20b%[src]"))
    assert (opened.field("set-cookie") or "").startswith(f"a%'b={KEY}; Path=/a%20b%[src]; ")


@pytest.mark.parametrize(
    ("env", "key"),
    [
        ({}, KEY),
        (PATH, "a key; no cookie can hold"),
        ({"AUTHPROXY_COOKIE_PATH": "/a; Domain=example.org"}, KEY),
        ({"AUTHPROXY_COOKIE_PATH": "/it's"}, KEY),
    ],
)
async def test_there_is_no_form_where_its_cookie_would_be_of_no_use(
    open_door: Open, env: dict[str, str], key: str
) -> None:
    door = await open_door(env=env, token=key)
    assert b"<form" not in (await door.ask("/lab", NAVIGATION)).body
    assert (await show(door, key)).status == 400
