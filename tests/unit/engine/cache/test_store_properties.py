"""Whatever order lists, events and answers to our writes arrive in, the store ends equal to the server."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from amalthea.engine.cache.store import Store
from amalthea.engine.ports import EventType, Key, Listed, WatchEvent, key_of
from tests.unit.engine.things import Thing, thing

NAMES = st.sampled_from("abc")


class ServerAndStore(RuleBasedStateMachine):
    """A server whose every write may be ours, a watch that lags, and a store that gets both."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 1
        self.present: dict[str, Thing] = {}
        self.log: list[WatchEvent[Thing]] = []
        self.sent = 0
        self.list_under_way: tuple[Listed[Thing], int] | None = None
        self.answers: list[Thing] = []
        self.deletions: list[Thing] = []
        self.mirror: dict[Key, Thing] = {}
        self.store: Store[Thing] = Store({"uid": lambda held: [held.metadata.uid]})
        self.store.on_change(self._reflect)

    def _reflect(self, old: Thing | None, new: Thing | None) -> None:
        if old is not None:
            assert self.mirror.pop(key_of(old)) == old
        if new is not None:
            self.mirror[key_of(new)] = new

    def _log(self, type_: EventType, obj: Thing) -> None:
        event_object = None if type_ is EventType.DELETED else obj
        self.log.append(WatchEvent(type_, str(self.version), key_of(obj), event_object))

    @rule(name=NAMES, ours=st.booleans())
    def write(self, name: str, ours: bool) -> None:
        self.version += 1
        held = self.present.get(name)
        uid = held.metadata.uid if held else f"u{self.version}"
        self.present[name] = thing(name, self.version, uid)
        self._log(EventType.MODIFIED if held else EventType.ADDED, self.present[name])
        if ours:
            self.answers.append(self.present[name])

    @precondition(lambda self: self.present)
    @rule(data=st.data(), ours=st.booleans())
    def delete(self, data: st.DataObject, ours: bool) -> None:
        self.version += 1
        gone = self.present.pop(data.draw(st.sampled_from(sorted(self.present))))
        self._log(EventType.DELETED, gone)
        if ours:
            self.deletions.append(gone)

    @rule()
    def another_kind_is_written(self) -> None:
        self.version += 1

    @precondition(lambda self: self.list_under_way is None and self.sent < len(self.log))
    @rule()
    def an_event_arrives(self) -> None:
        self.store.apply(self.log[self.sent])
        self.sent += 1

    @precondition(lambda self: self.list_under_way is None and self.sent == len(self.log))
    @rule()
    def a_bookmark_arrives(self) -> None:
        self.store.apply(WatchEvent(EventType.BOOKMARK, str(self.version)))

    @precondition(lambda self: self.list_under_way is None)
    @rule()
    def a_list_is_made(self) -> None:
        self.list_under_way = (Listed(list(self.present.values()), str(self.version)), len(self.log))

    @precondition(lambda self: self.list_under_way is not None)
    @rule()
    def a_list_arrives(self) -> None:
        assert self.list_under_way is not None
        listed, self.sent = self.list_under_way
        self.store.replace(listed)
        self.list_under_way = None

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def the_answer_to_a_write_arrives(self, data: st.DataObject) -> None:
        obj = self.answers.pop(data.draw(st.integers(0, len(self.answers) - 1)))
        self.store.observe(obj)
        current = self.present.get(obj.metadata.name)
        if current is not None and current.metadata.uid == obj.metadata.uid:
            held = self.store.get(key_of(obj))
            assert held is not None
            assert int(held.metadata.resource_version) >= int(obj.metadata.resource_version)

    @precondition(lambda self: self.deletions)
    @rule(data=st.data())
    def the_answer_to_a_deletion_arrives(self, data: st.DataObject) -> None:
        gone = self.deletions.pop(data.draw(st.integers(0, len(self.deletions) - 1)))
        self.store.observe_deleted(key_of(gone), gone.metadata.uid)
        held = self.store.get(key_of(gone))
        assert held is None or held.metadata.uid != gone.metadata.uid

    @invariant()
    def listeners_and_index_know_what_the_store_holds(self) -> None:
        assert self.mirror == {key_of(held): held for held in self.store.values()}
        assert all(self.store.by_index("uid", held.metadata.uid) == (held,) for held in self.store.values())

    def teardown(self) -> None:
        if self.list_under_way is not None:
            self.a_list_arrives()
        while self.sent < len(self.log):
            self.an_event_arrives()
        for late in self.answers:
            self.store.observe(late)
        assert {held.metadata.name: held for held in self.store.values()} == self.present


TestStoreEqualsServer = ServerAndStore.TestCase
TestStoreEqualsServer.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
