"""Lateness counts from what was promised to the pause itself, and to no other write."""

import pytest

from bench.audit import Request
from bench.deadlines import lateness


def patch(name: str, at: float, resource: str = "amaltheasessions", code: int = 200) -> Request:
    return Request("patch", resource, "deadlines", name, code, at)


def test_a_session_is_late_by_the_time_from_its_promise_to_its_pause() -> None:
    requests = [
        patch("a", 10.0),  # its finalizer
        patch("a", 99.9, code=409),
        patch("a", 100.5),
        patch("a", 101.0, "amaltheasessions/status"),
        patch("b", 109.75),
    ]
    assert lateness({"a": 100.0, "b": 110.0}, requests) == pytest.approx([0.5, -0.25])


def test_who_has_no_deadline_is_not_late() -> None:
    assert lateness({"a": 100.0}, [patch("other", 120.0)]) == []
