"""A store that forgets a write, revives what is deleted or hides a deletion makes every decision above it wrong."""

import pytest

from amalthea.engine.cache.store import Change, Store
from amalthea.engine.ports import EventType, WatchEvent
from tests.unit.engine.things import Thing, changed, deleted, listed, thing


@pytest.fixture
def store() -> Store[Thing]:
    """A store that has everything up to version 10: `a` and `b`."""
    made: Store[Thing] = Store({"colour": lambda held: [held.colour] if held.colour else []})
    made.replace(listed(10, thing("a", 5, colour="red"), thing("b", 6, colour="red")))
    return made


def versions(store: Store[Thing]) -> dict[str, str]:
    return {held.metadata.name: held.metadata.resource_version for held in store.values()}


def test_a_deletion_missed_during_a_gap_shows_in_the_next_list(store: Store[Thing]) -> None:
    a, b = store.values()
    changes = store.replace(listed(20, thing("b", 15), thing("c", 16)))
    assert changes == [Change(b, thing("b", 15)), Change(None, thing("c", 16)), Change(a, None)]
    assert versions(store) == {"b": "15", "c": "16"}


def test_a_write_is_read_back_before_the_watch_reports_it(store: Store[Thing]) -> None:
    assert store.observe(thing("a", 12)) is not None
    assert store.observe(thing("new", 13)) is not None
    assert versions(store) == {"a": "12", "b": "6", "new": "13"}


def test_older_events_do_not_undo_a_write(store: Store[Thing]) -> None:
    store.observe(thing("a", 15, colour="ours"))
    assert store.apply(changed("a", 12)) is None
    assert store.apply(changed("a", 15)) is None
    assert versions(store)["a"] == "15"
    assert store.apply(changed("a", 16)) is not None


def test_the_late_answer_to_a_write_does_not_undo_newer_events(store: Store[Thing]) -> None:
    store.apply(changed("a", 12, colour="newer"))
    assert store.observe(thing("a", 11, colour="older")) is None
    assert [held.metadata.name for held in store.by_index("colour", "newer")] == ["a"]


def test_the_late_answer_to_a_write_does_not_revive_a_deleted_object(store: Store[Thing]) -> None:
    store.apply(deleted("a", 12))
    assert store.observe(thing("a", 11)) is None
    assert store.get(("ns", "a")) is None


def test_the_late_answer_does_not_revive_what_a_list_no_longer_has(store: Store[Thing]) -> None:
    store.replace(listed(20, thing("b", 6)))
    assert store.observe(thing("a", 12)) is None
    assert versions(store) == {"b": "6"}


def test_an_object_made_anew_under_a_deleted_name_is_taken_in(store: Store[Thing]) -> None:
    store.apply(deleted("a", 12))
    assert store.observe(thing("a", 13, uid="u2")) == Change(None, thing("a", 13, uid="u2"))


def test_the_late_deletion_of_a_predecessor_spares_its_successor(store: Store[Thing]) -> None:
    store.observe(thing("a", 13, uid="u2"))
    assert store.apply(deleted("a", 12)) is None
    assert versions(store)["a"] == "13"


def test_a_list_made_before_our_write_does_not_drop_it(store: Store[Thing]) -> None:
    store.observe(thing("new", 30))
    store.observe(thing("a", 31))
    store.replace(listed(25, thing("a", 5), thing("b", 6)))
    assert versions(store) == {"a": "31", "b": "6", "new": "30"}


def test_an_object_that_we_deleted_is_gone_at_once_and_stays_gone(store: Store[Thing]) -> None:
    assert store.observe_deleted(("ns", "a"), "u1") is not None
    assert store.apply(changed("a", 12)) is None
    store.replace(listed(13, thing("a", 12), thing("b", 6)))
    assert versions(store) == {"b": "6"}
    store.apply(deleted("a", 14))
    store.observe(thing("a", 15, uid="u2"))
    assert versions(store) == {"a": "15", "b": "6"}


def test_our_deletion_of_a_predecessor_spares_its_successor(store: Store[Thing]) -> None:
    assert store.observe_deleted(("ns", "a"), "another") is None
    assert "a" in versions(store)


def test_an_object_that_cannot_be_read_is_not_gone(store: Store[Thing]) -> None:
    assert store.replace(listed(20, thing("b", 6), unreadable=frozenset({("ns", "a")}))) == []
    assert versions(store) == {"a": "5", "b": "6"}


def test_after_a_restore_from_backup_the_list_is_all_there_is(store: Store[Thing]) -> None:
    store.observe(thing("lost", 11))
    changes = store.replace(listed(4, thing("a", 3)))
    assert versions(store) == {"a": "3"}
    assert len(changes) == 3
    assert store.apply(changed("c", 5)) is not None


def test_a_bookmark_moves_what_is_known(store: Store[Thing]) -> None:
    assert store.apply(WatchEvent(EventType.BOOKMARK, "50")) is None
    assert store.observe(thing("late", 49)) is None


def test_an_index_follows_changes_and_leaves_nothing_behind(store: Store[Thing]) -> None:
    assert [held.metadata.name for held in store.by_index("colour", "red")] == ["a", "b"]
    store.apply(changed("a", 11, colour="blue"))
    store.apply(deleted("b", 12))
    assert store.by_index("colour", "red") == ()
    assert [held.metadata.name for held in store.by_index("colour", "blue")] == ["a"]
    assert len(store) == 1


def test_listeners_hear_of_each_change_once(store: Store[Thing]) -> None:
    changes: list[tuple[Thing | None, Thing | None]] = []
    store.on_change(lambda old, new: changes.append((old, new)))
    store.apply(changed("a", 11))
    store.apply(changed("a", 11))
    store.replace(listed(12, thing("a", 11)))
    assert [(old and old.metadata.name, new and new.metadata.name) for old, new in changes] == [("a", "a"), ("b", None)]
