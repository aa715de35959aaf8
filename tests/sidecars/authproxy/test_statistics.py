"""Work must be seen, or the session is paused under its user's hands; a tab left open must not be work forever."""

from datetime import UTC, datetime

import pytest

from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import BEARER, NAVIGATION, Door
from tests.sidecars.authproxy.session import Session

IDLE_EDITOR = b"x" * 230
"""What an idle editor sends in a minute to keep a connection alive."""


async def moved(door: Door, *fields: str, path: str = "/x", method: str = "GET") -> tuple[bool, bool]:
    """Ask once; return whether the times of the last request and of the last work have moved."""
    before = await door.statistics()
    await door.tells("time", lambda time: time > before["time"])  # times have no parts of a second
    await door.ask(path, *fields, method=method)
    after = await door.statistics()
    return after["last_request_time"] != before["last_request_time"], after["last_work_time"] != before[
        "last_work_time"
    ]


async def test_the_statistics_are_those_that_former_clients_know_and_more(door: Door) -> None:
    told = await door.statistics()
    times = [datetime.fromisoformat(told.pop(name)) for name in ("last_request_time", "last_work_time", "time")]
    assert all(abs((datetime.now(UTC) - time).total_seconds()) < 20 for time in times)
    assert told.pop("open_connections") >= 0
    assert told == {"version": 1, "open_websockets": 0, "websocket_bytes_in": 0}


@pytest.mark.parametrize(
    ("method", "path", "fields", "work"),
    [
        ("GET", "/", (NAVIGATION,), True),
        ("GET", "/", ("Accept: text/html",), True),
        ("GET", "/api/kernels", (), False),
        ("GET", "/api/kernels", ("Sec-Fetch-Mode: cors", "Accept: text/html"), False),
        ("HEAD", "/", (), False),
        ("OPTIONS", "/", (), False),
        ("POST", "/api/sessions", (), True),
        ("PUT", "/api/contents/x", (), True),
        ("PATCH", "/x", (), True),
        ("DELETE", "/x", (), True),
        ("POST", "/s/events/get_events", (), False),
        ("POST", "/s/events/get_events?x=y", (), False),
        ("POST", "/events/get_events/x", (), True),
        ("PUT", "/s/lab/api/workspaces/default?1", (), False),
        ("POST", "/git/status", (), False),
        ("POST", "/s/git/branch", (), False),
        ("POST", "/s/git/remote/fetch", (), False),
        ("POST", "/s/git/work/my%20repo/status", (), False),
        ("POST", "/s/git/work/repo/branch?1", (), False),
        ("POST", "/s/git/work/repo/remote/fetch", (), False),
        ("POST", "/s/git/work/repo/tags", (), False),
        ("POST", "/s/git/work/repo/commit", (), True),
        ("POST", "/s/git/work/repo/branch/delete", (), True),
        ("POST", "/s/git/work/status/push", (), True),
        ("POST", "/api/status", (), True),
        ("POST", "/status-404", (), True),
    ],
)
async def test_only_what_a_person_does_is_work(
    door: Door, method: str, path: str, fields: tuple[str, ...], work: bool
) -> None:
    assert await moved(door, BEARER, *fields, path=path, method=method) == (True, work)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_is_refused_counts_for_nothing(door: Door, method: str) -> None:
    for fields in ((), ("Cookie: renku-auth=x",)):
        assert await moved(door, NAVIGATION, *fields, method=method) == (False, False)


async def test_a_page_that_waits_for_a_dead_session_is_no_work(door: Door, session: Session) -> None:
    await session.stop()
    assert (await moved(door, BEARER, NAVIGATION))[1] is False
    assert (await moved(door, BEARER, method="POST"))[1] is False


async def test_open_websockets_are_counted_while_they_are_open(door: Door) -> None:
    opened = [await door.websocket(BEARER) for _ in range(3)]
    told = await door.statistics()
    assert (told["open_websockets"], told["open_connections"] >= 3) == (3, True)
    opened[0].writer.close()
    await door.tells("open_websockets", lambda count: count == 2)


async def test_what_is_typed_into_a_websocket_is_work_and_what_keeps_it_alive_is_not(door: Door) -> None:
    idle, busy = await door.websocket(BEARER), await door.websocket(BEARER, "X: " + "x" * 9000)
    before = await door.statistics()
    await idle.send(IDLE_EDITOR)
    await busy.send(IDLE_EDITOR)
    await door.tells("websocket_bytes_in", lambda count: count == 2 * len(IDLE_EDITOR))
    assert (await door.statistics())["last_work_time"] == before["last_work_time"]
    await busy.send(b"x" * 200)
    await door.tells("last_work_time", lambda time: time != before["last_work_time"])


async def test_what_the_session_sends_is_no_work(door: Door) -> None:
    browser = await door.connect()
    before = (await door.statistics())["last_work_time"]
    assert len((await browser.ask(f"/large/{1 << 24}", BEARER)).body) == 1 << 24
    assert (await door.statistics())["last_work_time"] == before


OTHER_PATHS = ("/", "/request_stats/", "/__amalthea__/health", "/stats")


async def test_the_operators_port_tells_nothing_else(door: Door) -> None:
    for method, path in [*(("GET", path) for path in OTHER_PATHS), ("POST", "/request_stats")]:
        browser = await door.connect(door.meta_port)
        assert (await browser.ask(path, method=method)).status == 404
        assert await browser.rest() == b""  # closed: nobody holds a place there


async def test_behind_oauth2_proxy_everything_is_counted_without_a_key(open_door: Open) -> None:
    door = await open_door("--verbose", token="")
    assert await moved(door, NAVIGATION, path="/lab?token=secret") == (True, True)
    lines = await door.logged("GET /lab 200")
    assert not any("secret" in line for line in lines)
