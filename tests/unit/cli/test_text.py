"""Texts of others must not steer the reader's terminal, and lines must fit it."""

from dataclasses import replace
from datetime import UTC, timedelta, timezone

import msgspec
import pytest

from amalthea.cli.compose.compose import explanation
from amalthea.cli.listing import listing
from amalthea.cli.listing import render as render_listing
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.cli.text import LAST, Terminal, harmless, render
from tests.unit.cli.parts import LAB, NOW, event, known, status
from tests.unit.cli.scenarios import SCENARIOS
from tests.unit.cli.troubled import out_of_memory

EVIL = "\x1b]0;owned\x07\x1b[2Jbad\r\nlines\u202e"


def shown(**paper: object) -> str:
    """Return the text of a failed session."""
    return render(explanation(out_of_memory(), "kubectl -n team", NOW), Terminal(zone=UTC, **paper))  # type: ignore[arg-type]


def test_no_word_of_others_reaches_the_terminal_as_a_command() -> None:
    found = known(LAB, status("Failed", error=EVIL, url=EVIL), events=[event("Pod/demo-0", "Odd", EVIL, "13:00:00")])
    text = render(explanation(found, "kubectl -n team", NOW), Terminal(zone=UTC))

    assert not any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 for sign in text.replace("\n", ""))
    assert "\u202e" not in text
    assert harmless("plain text") == "plain text"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_fit_the_terminal_but_for_commands_that_are_copied(width: int) -> None:
    wide = [line for line in shown(width=width).splitlines() if len(line) > width]
    assert all(line.startswith("    kubectl") for line in wide)


def test_colour_is_only_there_where_it_is_wanted() -> None:
    assert "\x1b[1m" in shown(colour=True)
    assert "\x1b" not in shown()


def test_a_long_timeline_shows_its_end_and_counts_the_rest() -> None:
    many = [event("Pod/demo-0", "Odd", f"thing {number}", f"13:{number:02}:00") for number in range(LAST + 10)]
    text = render(explanation(known(LAB, status("Running"), events=many), "kubectl", NOW), Terminal(zone=UTC))

    assert f"thing {LAST + 9}" in text
    assert "thing 3" not in text.split("thing 30")[0]
    assert "12 things before" in text


LISTED = (
    *("running", "failed_for_a_bad_image", "new", "running_and_idle"),
    *("stopped_answering", "paused_by_user", "secret_missing"),
)


def named(name: str) -> SessionSnapshot:
    """Return a session of a scenario as the list of a namespace knows it, under the scenario's name."""
    seen = SCENARIOS[name]().observed
    metadata = msgspec.structs.replace(seen.session.metadata, name=name.replace("_", "-"))
    session = msgspec.structs.replace(seen.session, metadata=metadata)
    return SessionSnapshot(replace(seen, session=session, workload=None, pods=(), claims=(), events=None))


def test_a_namespace_is_listed_with_what_is_in_trouble_first_and_what_comes_soonest_next() -> None:
    listed = listing("team", map(named, LISTED), NOW)
    assert render_listing(listed, Terminal(width=80, zone=UTC)).splitlines() == [
        "NAME                    STATE            FOR         NEXT",
        "failed-for-a-bad-image  cannot run       2 h 9 min   paused in 3 h 50 min",
        "    The container amalthea-session does not start: the registry has no such",
        "    image; check its name and tag.",
        "stopped-answering       does not answer  5 min       paused in 21 h 50 min",
        "secret-missing          starting         2 h 10 min  paused in 50 min",
        "    The container amalthea-session waits for a secret or config map that does",
        "    not exist yet.",
        "running-and-idle        running          2 h 9 min   paused in 5 min",
        "running                 running          2 h 9 min   paused in 21 h 50 min",
        "paused-by-user          paused           9 min 29 s  deleted in 29 d 23 h",
        "new                     new              2 h 9 min",
    ]


def test_every_state_fits_into_its_column() -> None:
    lines = render_listing(listing("team", map(named, SCENARIOS), NOW), Terminal(width=80, zone=UTC)).splitlines()
    assert max(map(len, lines)) <= 80


def test_an_empty_namespace_is_said_to_be_empty() -> None:
    assert "There are no sessions in the namespace team." in render_listing(listing("team", [], NOW), Terminal())


def test_events_of_another_day_stand_below_that_day() -> None:
    found = known(LAB, status("Running"), events=[event("Pod/demo-0", "Odd", "late", "13:00:00")])
    later = NOW.replace(day=24)

    lines = render(explanation(found, "kubectl", later), Terminal(zone=UTC)).splitlines()

    assert lines[lines.index("What happened (times in UTC)") + 1] == "  Sun 22 Nov"
    assert "demo has been running since Sun 22 Nov 13:00 (2 d 2 h)." in lines


def test_all_times_of_a_page_are_of_one_zone_which_it_names() -> None:
    tokyo = timezone(timedelta(hours=9), "JST")
    text = render(explanation(SCENARIOS["running_and_idle"](), "kubectl", NOW), Terminal(zone=tokyo))
    page, _, commands = text.partition("What you can do")

    assert "paused at 00:15, because" in " ".join(page.split())
    assert "(times in JST, UTC+09:00)" in page
    assert "Z" not in page.replace("JST", "")
    assert "2026-11-22T15:10:00Z" in commands  # a command is not for reading
