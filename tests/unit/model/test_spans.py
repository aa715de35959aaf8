"""A limit or a time that cannot be read must end nothing, and break nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from amalthea.model import spans

START = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-22T13:00:00", "9999-12-31T23:59:59-05:00"])
def test_a_malformed_time_is_unknown(text: str | None) -> None:
    assert spans.moment(text) is None


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    assert spans.moment("2026-11-22T14:00:00+01:00") == START


@pytest.mark.parametrize("text", [None, "", "0", "0s", "-1h", "2 days"])
def test_a_malformed_limit_ends_nothing(text: str | None) -> None:
    assert spans.positive(text) is None


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        (START, timedelta(hours=1), START + timedelta(hours=1)),
        (START, timedelta(milliseconds=1), START + timedelta(seconds=1)),
        (START + timedelta(milliseconds=300), timedelta(seconds=1), START + timedelta(seconds=2)),
        (None, timedelta(hours=1), None),
        (START, None, None),
    ],
)
def test_a_span_ends_in_whole_seconds_and_never_early(
    start: datetime | None, span: timedelta | None, end: datetime | None
) -> None:
    assert spans.end(start, span) == end


def test_a_span_that_outlasts_the_calendar_ends_at_its_end() -> None:
    assert spans.end(START, timedelta.max) == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_a_span_that_ends_within_the_calendars_last_second_ends_with_it() -> None:
    start = datetime(9999, 12, 30, 23, 59, 59, 900_000, tzinfo=UTC)
    assert spans.end(start, timedelta(hours=24)) == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
