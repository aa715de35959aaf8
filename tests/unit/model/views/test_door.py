"""A door's answer decides whether somebody is thrown out: what is not clearly said must count as not said."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalthea.api.schema import Manifest
from amalthea.model.views import door
from amalthea.model.views.door import NoAnswerError, Reported, TooOld
from amalthea.testing.observations import container, pod, pod_view

NOW = datetime(2026, 11, 22, 14, 0, 0, 500_000, tzinfo=UTC)
OURS = {
    "last_request_time": "2026-11-22T13:59:59Z",
    "version": 1,
    "last_work_time": "2026-11-22T13:30:00Z",
    "open_connections": 3,
    "open_websockets": 2,
    "websocket_bytes_in": 4711,
}


def said(**fields: object) -> bytes:
    return msgspec.json.encode({key: value for key, value in {**OURS, **fields}.items() if value is not None})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


TELLS = {
    "ours": (said(), "2026-11-22T13:30:00Z"),
    "a later release that tells more": (said(version=7, kernels=["busy"]), "2026-11-22T13:30:00Z"),
    "in another zone": (said(last_work_time="2026-11-22T14:30:00+01:00"), "2026-11-22T13:30:00Z"),
    "parts of a second are rounded up": (said(last_work_time="2026-11-22T13:30:00.001Z"), "2026-11-22T13:30:01Z"),
    "its clock is ahead of ours": (said(last_work_time="2026-11-22T18:00:00Z"), "2026-11-22T14:00:01Z"),
    "its clock is behind ours": (
        said(time="2026-11-22T13:00:00Z", last_work_time="2026-11-22T12:58:00Z"),
        "2026-11-22T13:58:01Z",
    ),
    "its clock is ahead of ours, and says so": (
        said(time="2026-11-22T18:00:00Z", last_work_time="2026-11-22T17:58:00Z"),
        "2026-11-22T13:58:01Z",
    ),
    "its clock is right, and it took its time": (
        said(time="2026-11-22T14:00:04Z", last_work_time="2026-11-22T13:30:00Z"),
        "2026-11-22T13:30:00Z",
    ),
    "at the end of time": (said(last_work_time="9999-12-31T23:59:59.999Z"), "2026-11-22T14:00:01Z"),
}


@pytest.mark.parametrize(("body", "worked"), TELLS.values(), ids=TELLS)
def test_a_door_reports_when_somebody_last_worked(body: bytes, worked: str) -> None:
    assert door.read(body, NOW) == Reported(NOW, at(worked))


@pytest.mark.parametrize("body", [said(version=None, last_work_time=None), said(version=0), said(version=-1)])
def test_a_door_of_an_older_release_reports_no_work(body: bytes) -> None:
    assert door.read(body, NOW) == TooOld(NOW)


UNREADABLE = {
    "times that cannot be": said(time="0001-01-01T00:00:00Z", last_work_time="9999-12-31T23:59:59Z"),
    "nothing": b"",
    "a page": b"<html>Sign in</html>",
    "somebody else's JSON": b"{}",
    "no object": b"[]",
    "cut off": said()[:40],
    "not UTF-8": b'{"last_request_time": "\xff"}',
    "a malformed version": said(version="1"),
    "a release that tells otherwise": said(version=2, last_work_time=None),
    "a time without zone": said(last_work_time="2026-11-22T13:30:00"),
    "no time": said(last_work_time="now"),
    "too deep": b'{"x":' + b"[" * 4000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_answer_is_not_an_answer(body: bytes) -> None:
    with pytest.raises(NoAnswerError):
        door.read(body, NOW)


@given(st.binary() | st.datetimes(timezones=st.timezones()).map(lambda time: said(last_work_time=time.isoformat())))
def test_no_answer_reports_work_in_the_future(body: bytes) -> None:
    try:
        look = door.read(body, NOW)
    except NoAnswerError:
        return
    assert isinstance(look, TooOld) or look.worked_at < NOW + timedelta(seconds=1)


PROXIED = (container(), container("authproxy"))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (pod(*PROXIED, podIP="192.0.2.7"), "192.0.2.7"),
        (pod(sidecars=[container("authproxy")], podIP="192.0.2.7"), "192.0.2.7"),
        (pod(*PROXIED), ""),
        (pod(podIP="192.0.2.7"), None),
        (None, None),
    ],
    ids=["with a proxy", "with a native sidecar", "without an address yet", "open to all", "no pod"],
)
def test_only_a_pod_with_a_proxy_has_a_door(found: Manifest | None, expected: str | None) -> None:
    assert door.address(pod_view(found) if found is not None else None) == expected
