"""Who holds the key but no cookie shows it in a form: it must open this session only, and lead nobody elsewhere."""

from urllib.parse import quote_plus

import pytest

from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import NAVIGATION, Answer, Door
from tests.sidecars.authproxy.session import Session

KEY = "a+key/with=signs&%20"
PATH = {"AUTHPROXY_COOKIE_PATH": "/sessions/mine/"}
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture
async def form_door(open_door: Open) -> Door:
    return await open_door(env=PATH, token=KEY)


async def show(door: Door, key: str, *fields: str, target: str = "/sessions/mine/lab?a=b") -> Answer:
    body = f"other=1&amalthea-key={quote_plus(key)}".encode()
    return await door.ask(target, FORM, NAVIGATION, *fields, method="POST", body=body)


async def test_who_shows_the_key_gets_it_as_a_cookie_for_this_session_only_and_the_page_that_was_wanted(
    form_door: Door, session: Session
) -> None:
    refused = await form_door.ask("/sessions/mine/lab?a=b", NAVIGATION)
    assert refused.status == 400
    assert b'<form method="post">' in refused.body
    opened = await show(form_door, KEY)
    assert opened.status == 303
    assert opened.field("location") == "http://session.example.org/sessions/mine/lab?a=b"
    cookie = opened.field("set-cookie")
    assert cookie == f"renku-auth={KEY}; Path=/sessions/mine; HttpOnly; SameSite=Strict"
    assert session.heads == [], "the session sees nothing of it"
    assert (await form_door.ask("/sessions/mine/lab", f"Cookie: {cookie.partition(';')[0]}")).status == 200


async def test_behind_https_the_cookie_goes_nowhere_else(form_door: Door) -> None:
    opened = await show(form_door, KEY, "X-Forwarded-Proto: https")
    assert (opened.field("set-cookie") or "").endswith("; Secure")
    assert (opened.field("location") or "").startswith("https://session.example.org/")


@pytest.mark.parametrize("key", ["", "another", KEY[:-1], f"{KEY}x", KEY.upper()])
async def test_another_key_opens_nothing_and_says_so(form_door: Door, session: Session, key: str) -> None:
    answer = await show(form_door, key)
    assert answer.status == 400
    assert answer.field("set-cookie") is None
    assert b'<form method="post">' in answer.body
    assert session.heads == []


async def test_nobody_is_led_to_another_host(form_door: Door) -> None:
    opened = await show(form_door, KEY, target="//evil.example.org/%2e%2e/?a=//b")
    assert opened.field("location") == "http://session.example.org//evil.example.org/%2e%2e/?a=//b"


async def test_a_form_of_the_session_itself_is_its_own(form_door: Door, session: Session) -> None:
    answer = await show(form_door, KEY, f"Authorization: Bearer {KEY}")
    assert answer.status == 200
    assert session.heads[0].startswith(b"POST /sessions/mine/lab?a=b ")


async def test_a_path_in_percent_signs_is_kept_as_it_is(open_door: Open) -> None:
    door = await open_door(env={"AUTHPROXY_COOKIE_PATH": "/a%20b%[src]/"}, token=KEY, cookie_key="a%b")
    opened = await show(door, KEY)
    assert (opened.field("set-cookie") or "").startswith(f"a%b={KEY}; Path=/a%20b%[src]; ")


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
