"""A time or a duration that is misread sends a researcher away from a session that is about to be paused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from amalthea.cli import time_format

NOW = datetime(2026, 11, 22, 15, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(hours=2, minutes=10, seconds=3), "2 h 10 min"),
        (timedelta(hours=2, seconds=3), "2 h"),
        (timedelta(days=30), "30 d"),
        (timedelta(days=1, hours=1, minutes=59), "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(duration: timedelta, text: str) -> None:
    assert time_format.span(duration) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (NOW.replace(hour=9, minute=5), "09:05"),
        (NOW + timedelta(days=1), "Mon 23 Nov 15:10"),
        (NOW - timedelta(days=365), "Sat 22 Nov 2025 15:10"),
    ],
)
def test_a_time_names_its_day_if_that_is_another(at: datetime, text: str) -> None:
    assert time_format.clock(at, NOW, UTC) == text


def test_a_day_is_that_of_the_reader_and_not_of_the_cluster() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert time_format.clock(NOW - timedelta(hours=1), NOW, tokyo) == "Sun 22 Nov 23:10"
