"""Clients without a key must not get a byte of the session, and the session must not get the key."""

import json

import pytest

from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import BEARER, COOKIE, KEY, NAVIGATION, UPGRADE, Door
from tests.sidecars.authproxy.session import Session

BASIC = "Authorization: Basic YTpi"
OTHERS = 'a=1; b="x, {y}"; c=\'; d=%41=;renku-auth2=no; e=ü'


@pytest.mark.parametrize(
    "fields",
    [
        (BEARER,),
        (f"authorization: bEARER {KEY}",),
        (COOKIE,),
        (f'Cookie: renku-auth="{KEY}"',),
        (f"Cookie: a=1; renku-auth={KEY} ; b=2",),
        (f"Cookie: a=1;renku-auth={KEY};b=2",),
        (f"Cookie: {OTHERS}; renku-auth={KEY}",),
        (f"Cookie: renku-auth=wrong; renku-auth={KEY}",),
        (f"Cookie: renku-auth={KEY}; renku-auth=wrong",),
        (COOKIE, COOKIE),
        (COOKIE, "Cookie: _xsrf=2|a|b"),
        ("Cookie: _xsrf=2|a|b", COOKIE, "Cookie: c=3"),
        (COOKIE, "Authorization: Bearer wrong"),
        (COOKIE, BASIC),
        (BEARER, "Cookie: renku-auth=wrong"),
    ],
    ids=str,
)
async def test_who_has_the_key_comes_in(door: Door, session: Session, fields: tuple[str, ...]) -> None:
    assert (await door.ask("/lab?a=b", *fields)).sent.startswith("GET /lab?a=b HTTP/1.1\r\n")
    assert KEY not in session.heads[0].decode()


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (400, ()),
        (400, (BASIC,)),
        (400, (f"Authorization: {KEY}",)),
        (400, (f"Authorization: Bear {KEY}",)),
        (400, (f"Authorization: Basic {KEY}",)),
        (400, ("Authorization: Bearer",)),
        (400, (f"Cookie: {KEY}",)),
        (400, (f"Cookie: renku-auth2={KEY}",)),
        (400, (f"Cookie: xrenku-auth={KEY}",)),
        (400, (f"Cookie: RENKU-AUTH={KEY}",)),
        (400, (f"Cookie: a=renku-auth={KEY}",)),
        (401, ("Cookie: a=1", "Cookie: renku-auth=wrong", "Cookie: b=2")),
        (400, ("Cookie: a=1", "Cookie: b=renku-auth=x")),
        (401, (f"Authorization: Bearer {KEY}x",)),
        (401, (f"Authorization: Bearer {KEY[:-1]}",)),
        (401, (f"Authorization: Bearer {KEY.upper()}",)),
        (401, (f"Authorization: Bearer x {KEY}",)),
        (401, ("Cookie: renku-auth=",)),
        (401, (f"Cookie: renku-auth=wrong; a={KEY}",)),
        (401, (f"Cookie: renku-auth={KEY}x",)),
        (401, (f"Cookie: renku-auth=x{KEY}",)),
        (401, (f"Cookie: renku-auth={KEY.upper()}",)),
    ],
    ids=str,
)
async def test_who_has_no_key_or_a_wrong_one_is_refused_and_the_session_does_not_hear_of_it(
    door: Door, session: Session, status: int, fields: tuple[str, ...]
) -> None:
    for extra in ((), UPGRADE, (NAVIGATION,), ("Accept: text/html",)):
        answer = await door.ask("/lab", *extra, *fields)
        assert answer.status == status
        assert answer.field("cache-control") == "no-store"
    assert (await door.ask("/x", *fields, method="POST", body=b"x" * 100_000)).status == status
    assert session.heads == []


@pytest.mark.parametrize(("status", "fields"), [(400, ()), (401, ("Cookie: renku-auth=x",))])
async def test_a_refusal_is_a_page_for_people_and_a_message_for_programs(
    door: Door, status: int, fields: tuple[str, ...]
) -> None:
    for person in (NAVIGATION, "Accept: text/html,*/*"):
        answer = await door.ask("/", person, *fields)
        assert (answer.status, answer.field("content-type")) == (status, "text/html; charset=utf-8")
        assert b"sign in" in answer.body
    for program in ("Accept: */*", "Sec-Fetch-Mode: cors\r\nAccept: text/html"):
        answer = await door.ask("/", program, *fields)
        assert (answer.status, answer.field("content-type")) == (status, "application/json")
        assert "sign in" in json.loads(answer.body)["message"]


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        (f"renku-auth={KEY}", None),
        (f"renku-auth={KEY}; renku-auth=x;", None),
        (f"renku-auth={KEY}; {OTHERS}", OTHERS),
        (f"{OTHERS}; renku-auth={KEY}", OTHERS),
        (f"a=1; renku-auth={KEY};b=2;  c", "a=1;b=2;  c"),
        (f"a=1;  renku-auth={KEY} ; renku-auth=x; b", "a=1; b"),
    ],
)
async def test_other_cookies_reach_the_session_byte_for_byte(
    door: Door, session: Session, sent: str, left: str | None
) -> None:
    answer = await door.ask("/", f"Cookie: {sent}")
    assert answer.status == 200
    line = f"cookie: {left}\r\n".encode()
    assert (line in session.heads[0]) if left else (b"cookie" not in session.heads[0])


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_cookies_on_several_lines_reach_the_session_on_one(door: Door, session: Session, place: int) -> None:
    lines = ["Cookie: _xsrf=2|a|b; x=y", "Cookie: c=3"]
    lines.insert(place, COOKIE)
    assert (await door.ask("/", *lines)).status == 200
    head = session.heads[0].lower()
    assert head.count(b"cookie:") == 1
    assert b"cookie: _xsrf=2|a|b; x=y; c=3\r\n" in head


async def test_the_sessions_own_authorization_is_passed_on(door: Door, session: Session) -> None:
    for own in (BASIC, "Authorization: Bearer of-jupyter", "Authorization: token x"):
        await door.ask("/", COOKIE, own)
        assert own.partition(": ")[2].encode() in session.heads[-1]


@pytest.mark.parametrize("name", ["a.b", "_x-1", "!#$%&'*+.^_`|~"])
async def test_the_cookie_may_have_any_name_that_a_cookie_can_have(
    open_door: Open, session: Session, name: str
) -> None:
    door = await open_door(cookie_key=name)
    assert (await door.ask("/", f"Cookie: z=1; {name}={KEY}; y=2")).status == 200
    assert b"cookie: z=1; y=2\r\n" in session.heads[0]
    assert (await door.ask("/", f"Cookie: {name.replace('.', 'x')}2={KEY}")).status == 400


@pytest.mark.parametrize("token", ["a;b", 'a"b', "a b", "$HOME", "%[src]", "x" * 4000, "')", "\\"], ids=lambda t: t[:9])
async def test_any_token_opens_as_a_bearers(open_door: Open, token: str) -> None:
    door = await open_door(token=token)
    assert (await door.ask("/", f"Authorization: Bearer {token}")).status == 200
    assert (await door.ask("/", f"Authorization: Bearer {token}x")).status == 401


async def test_an_empty_token_lets_everybody_in_and_takes_nothing_out(open_door: Open, session: Session) -> None:
    door = await open_door(token="")
    for fields in ((), (COOKIE,), (BEARER,)):
        assert (await door.ask("/", *fields)).status == 200
        assert all(value.encode() in session.heads[-1] for value in (KEY for _ in fields))


async def test_the_token_is_in_no_argument_variable_log_or_page(door: Door) -> None:
    await door.ask("/", BEARER)
    refused = [await door.ask("/", *fields) for fields in ((), ("Cookie: renku-auth=x",))]
    assert all(KEY.encode() not in answer.body for answer in refused)
    assert door.log == ""
    for process in door.processes:
        assert KEY.encode() not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()


SIZE = 20_000
LABOURS = {
    "blanks and a quote": f'renku-auth={" " * SIZE}"x',
    "blanks in quotes": f'renku-auth="{" " * SIZE}x"y',
    "words": f'renku-auth={"x " * (SIZE // 2)}"y',
    "one word": f'renku-auth={"x" * SIZE}"y',
    "empty ones": "renku-auth=;" * (SIZE // 12),
    "blanks in each": f'renku-auth={" " * 90}"x;' * (SIZE // 105),
    "blanks before it": f'a=1;{chr(9) * (SIZE // 2)}renku-auth={chr(9) * (SIZE // 2)}"x',
}


async def cost(door: Door, cookie: str) -> float:
    """Return the CPU time of twenty requests with this cookie."""
    before = door.cpu_seconds
    for _ in range(20):
        assert (await door.ask("/", f"Cookie: {cookie}")).status in (400, 401)
    return door.cpu_seconds - before


@pytest.mark.parametrize("cookie", LABOURS.values(), ids=LABOURS)
async def test_a_strangers_cookie_costs_no_more_than_its_length(door: Door, cookie: str) -> None:
    harmless = await cost(door, f"a={'x' * SIZE}")
    assert await cost(door, cookie) < 10 * harmless + 0.2  # a square of it takes 0.5 seconds and more


@pytest.mark.parametrize("quote", ["", '"'])
async def test_a_key_of_several_words_opens_as_a_cookie_too(open_door: Open, quote: str) -> None:
    door = await open_door(token="two  words")
    for value, status in (("two  words", 200), ("two words", 401), ("two", 401), ("two  words x", 401)):
        assert (await door.ask("/", f"Cookie: a=1; renku-auth={quote}{value}{quote} ; b=2")).status == status


async def test_no_other_site_shows_the_page_that_may_ask_for_a_key_but_a_start_is_shown_in_any_frame(
    open_door: Open, session: Session
) -> None:
    door = await open_door()
    refused = await door.ask("/", NAVIGATION)
    await session.stop()
    starting = await door.ask("/", NAVIGATION, BEARER)
    for page in (refused, starting):
        assert page.field("x-content-type-options") == "nosniff"
        assert page.field("referrer-policy") == "no-referrer"
    assert "frame-ancestors 'self'" in (refused.field("content-security-policy") or "")
    assert "frame-ancestors" not in (starting.field("content-security-policy") or "none")


async def test_what_the_session_answers_gets_no_header_of_the_door(door: Door) -> None:
    head = (await door.ask("/", NAVIGATION, BEARER)).head.lower()
    assert [name for name in (b"content-security", b"nosniff", b"referrer", b"connection: close") if name in head] == []
