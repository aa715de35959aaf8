"""Reports to Sentry leave the cluster: a secret, or a user's data, must never be in them."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from amalthea import __version__
from amalthea.telemetry import sentry

DSN = "https://dsnkey@sentry.example.org/1"
SECRET = "hunter-two"
"""Not to be written where it is used: lines of the source are sent along."""


class Outbox(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.sent += [item.payload.json for item in envelope.items if item.payload.json is not None]


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outbox]:
    """The reports that are sent once Sentry is set up. None are sent any more after the test."""
    kept = Outbox()
    monkeypatch.setattr(sentry_sdk, "init", partial(sentry_sdk.init, transport=kept))
    yield kept
    sentry_sdk.get_client().close(timeout=0)
    sentry_sdk.get_global_scope().set_client(None)


def set_up(rate: float = 0.0, environment: str = "", release: str = "") -> None:
    sentry.set_up(DSN, environment=environment, release=release, traces_sample_rate=rate)


def fail(token: str) -> None:
    """Fail with a secret in a local variable."""
    header = f"Bearer {token}"
    raise RuntimeError(f"refused after {len(header)} characters")


def report(outbox: Outbox, **extra: object) -> dict[str, Any]:
    """Log an error as the operator does; return the event."""
    try:
        fail(SECRET)
    except RuntimeError:
        logging.getLogger("amalthea.operator").exception("reconcile failed", extra=extra)
    (event,) = outbox.sent
    return event


def test_a_logged_error_is_sent_with_its_trace_and_its_pairs(outbox: Outbox) -> None:
    set_up(environment="test", release="1.2.3")
    event = report(outbox, session="ns/one")
    assert (event["environment"], event["release"]) == ("test", "1.2.3")
    assert event["extra"]["session"] == "ns/one"
    assert event["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"] == "fail"


def test_no_secret_is_sent_along(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["amalthea", "operator", f"--sentry-dsn={DSN}"])
    set_up()
    event = report(outbox, auth={"password": SECRET, "deeper": {"token": SECRET}})
    text = json.dumps(event)
    for secret in (SECRET, "dsnkey"):
        assert secret not in text
    for part in ("request", "user", "modules"):
        assert part not in event


def test_a_warning_is_not_an_event(outbox: Outbox) -> None:
    set_up()
    logging.getLogger("amalthea.operator").warning("watch failed, trying again")
    assert outbox.sent == []


def test_the_release_is_ours_where_none_is_given(outbox: Outbox) -> None:
    set_up()
    assert report(outbox)["release"] == f"amalthea@{__version__}"


async def test_passes_are_traced_each_for_itself_and_without_what_they_were_given(outbox: Outbox) -> None:
    async def reconcile(key: str) -> str:
        await asyncio.sleep(0)
        return key

    set_up(rate=1.0)
    traced = sentry.traced(reconcile)
    first, second = await asyncio.gather(traced("first"), traced("second"))
    assert (first, second) == ("first", "second")
    assert len({event["contexts"]["trace"]["trace_id"] for event in outbox.sent}) == 2
    assert [event["contexts"]["trace"]["op"] for event in outbox.sent] == ["reconcile"] * 2
    assert "first" not in json.dumps(outbox.sent)


async def test_no_pass_is_traced_where_none_was_asked_for(outbox: Outbox) -> None:
    async def reconcile() -> None:
        return

    set_up()
    await sentry.traced(reconcile)()
    assert outbox.sent == []


def test_a_malformed_dsn_is_reported() -> None:
    with pytest.raises(ValueError, match="scheme"):
        sentry.set_up("nonsense", environment="", release="", traces_sample_rate=0.0)
