"""Durations are read as Go reads them, and refused with a remedy where Go refuses them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalthea.api import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("0s", 0),
        ("2h45m", 9900),
        ("1.5h", 5400),
        (".5h", 1800),
        ("1.h", 3600),
        ("300ms", 0.3),
        ("1m5ms", 60.005),
        ("5us", 5e-6),
        ("5\N{MICRO SIGN}s", 5e-6),
        ("5\N{GREEK SMALL LETTER MU}s", 5e-6),
        ("5000ns", 5e-6),
        ("+10s", 10),
        ("-1h30m", -5400),
        ("1s1h1s", 3602),
        ("24h0m0s", 86400),
        ("2562047h", 2562047 * 3600),
    ],
)
def test_durations_of_go_and_of_clients_are_read(text: str, seconds: float) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "h", ".", ".h", "5", "1.5", "-", "+-1s", "--1s", "1s ", " 1s", "1 s", "1d", "2 days", "1w"),
        *("1H", "1e3s", "1_000s", "1,5h", "1..5h", "0x10s", "1h-1m", "٣h", "1s\n", "1" * 5000 + "h"),
    ],
)
def test_a_duration_that_go_refuses_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: write .* such as 2h45m") as refusal:
        durations.parse(text)
    assert len(str(refusal.value)) < 300, "the message must fit into a condition"


@pytest.mark.parametrize("text", ["2562048h", "9999999999999999999999h", "1000000h2000000h"])
def test_a_duration_that_go_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long: write at most 2562047h"):
        durations.parse(text)


def test_a_tiny_limit_is_not_taken_for_no_limit() -> None:
    assert durations.parse("1ns") > timedelta(0)
    assert durations.parse("-1ns") < timedelta(0)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(days=1), "24h"),
        (timedelta(hours=2, minutes=45), "2h45m"),
        (timedelta(seconds=90, milliseconds=5), "1m30s5ms"),
        (timedelta(microseconds=1), "1ms"),
        (timedelta(milliseconds=1, microseconds=1), "2ms"),
        (timedelta(seconds=59, microseconds=999_999), "1m"),
        (timedelta(seconds=-90), "-1m30s"),
    ],
)
def test_clients_can_read_what_is_written(duration: timedelta, text: str) -> None:
    assert durations.format(duration) == text


LONGEST = timedelta(hours=2562047)
WHOLE_MILLISECONDS = st.integers(-(LONGEST // timedelta(milliseconds=1)), LONGEST // timedelta(milliseconds=1)).map(
    lambda number: timedelta(milliseconds=number)
)


@given(WHOLE_MILLISECONDS)
def test_a_written_duration_reads_back_as_the_same(duration: timedelta) -> None:
    assert durations.parse(durations.format(duration)) == duration


@given(st.timedeltas(-LONGEST, LONGEST - timedelta(milliseconds=1)))
def test_writing_never_shortens_and_adds_less_than_a_millisecond(duration: timedelta) -> None:
    written = durations.parse(durations.format(duration))
    assert timedelta(0) <= abs(written) - abs(duration) < timedelta(milliseconds=1)


@given(st.text(alphabet="0123456789.+-hmsnuµ", max_size=12))
def test_any_text_gives_a_duration_or_a_value_error(text: str) -> None:
    try:
        duration = durations.parse(text)
    except ValueError as refusal:
        assert repr(text) in str(refusal)  # noqa: PT017  (both outcomes are right; each is checked)
    else:
        assert abs(duration) <= timedelta(microseconds=2**63 // 1000 + 1)
