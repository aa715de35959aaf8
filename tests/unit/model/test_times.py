"""A time that the API server refuses would keep a whole status from being written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from amalthea.model.times import rfc3339

EAST, WEST = timezone(timedelta(hours=14)), timezone(-timedelta(hours=14))


@pytest.mark.parametrize(
    ("time", "written"),
    [
        (datetime(2026, 11, 22, 14, 0, 0, 999_999, tzinfo=UTC), "2026-11-22T14:00:00Z"),
        (datetime(2026, 11, 22, 14, 0, tzinfo=EAST), "2026-11-22T00:00:00Z"),
        (datetime.min.replace(tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime.min.replace(tzinfo=EAST), "0001-01-01T00:00:00Z"),
        (datetime.max.replace(tzinfo=WEST), "9999-12-31T23:59:59Z"),
    ],
    ids=str,
)
def test_any_time_is_written_as_the_api_reads_it(time: datetime, written: str) -> None:
    assert rfc3339(time) == written
