"""Deletions by cause must show the users' own, and none of ours taken for theirs."""

from datetime import UTC, datetime

import pytest

from amalthea.api.reasons import Cause
from amalthea.model.views.objects import Metadata, SessionView
from amalthea.operator.telemetry.deletion_counter import DeletionCounter

KEY = ("ns", "one")
LEAVES = datetime(2026, 1, 5, tzinfo=UTC)


def session(uid: str = "1", leaves: datetime | None = None) -> SessionView:
    return SessionView(metadata=Metadata(namespace="ns", name="one", uid=uid, deletion_timestamp=leaves))


@pytest.mark.parametrize(
    ("looks", "counted"),
    [
        ([session(), None, None], ["User"]),
        ([session(), session(leaves=LEAVES), session(leaves=LEAVES), None], ["User"]),
        ([session(), session("2"), session("2")], ["User"]),
        ([session(), None, session("2"), None], ["User", "User"]),
        ([session(), session()], []),
        ([None], []),
        ([session(leaves=LEAVES), None], []),
    ],
    ids=[
        "it is gone at once",
        "it is held by its secrets for a while",
        "another has taken its name before anybody looked",
        "another takes its name",
        "nobody deletes it",
        "a child of a session that is long gone",
        "it was deleted before the operator started",
    ],
)
def test_a_deletion_that_somebody_asks_for_is_counted_once(looks: list[SessionView | None], counted: list[str]) -> None:
    causes: list[str] = []
    deletions = DeletionCounter(causes.append)
    for look in looks:
        deletions.look(KEY, look)
    assert causes == counted


@pytest.mark.parametrize(
    "after",
    [[None], [session(), None], [session(leaves=LEAVES), None]],
    ids=["it is gone at once", "the cache does not know it yet", "it is held by its secrets for a while"],
)
def test_our_own_deletion_is_not_counted_again_as_a_users(after: list[SessionView | None]) -> None:
    causes: list[str] = []
    deletions = DeletionCounter(causes.append)
    deletions.look(KEY, session())
    deletions.ours(session(), Cause.HIBERNATED_TOO_LONG)
    for look in after:
        deletions.look(KEY, look)
    assert causes == ["HibernatedTooLong"]
    deletions.look(KEY, session("2"))
    deletions.look(KEY, None)
    assert causes == ["HibernatedTooLong", "User"]
