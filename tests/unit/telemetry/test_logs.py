"""A line that is not JSON is lost to log collectors, and with it the one that said why."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from amalthea.telemetry import logs


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log from `info` on. The logging of the tests is restored afterwards."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", stream)
    root.handlers.clear()
    logs.set_up("info")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_an_object_with_its_pairs(written: io.StringIO) -> None:
    logging.getLogger("amalthea.test").info("session changed", extra={"session": "ns/one", "reason": "Running"})
    (line,) = written.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "info",
        "logger": "amalthea.test",
        "message": "session changed",
        "session": "ns/one",
        "reason": "Running",
    }


def test_a_trace_stays_on_its_line(written: io.StringIO) -> None:
    try:
        raise RuntimeError("first line\nsecond line")
    except RuntimeError:
        logging.getLogger("amalthea.test").exception("failed")
    (line,) = written.getvalue().splitlines()
    assert "second line" in json.loads(line)["trace"]


def test_a_record_below_the_level_is_not_written(written: io.StringIO) -> None:
    logging.getLogger("amalthea.test").debug("reconciled")
    assert written.getvalue() == ""


def test_an_unknown_level_is_named() -> None:
    with pytest.raises(ValueError, match="LOG_LEVEL is 'loud'; write one of debug, info, warning, error"):
        logs.set_up("loud")
