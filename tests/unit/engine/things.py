"""The smallest objects that the engine can keep, and observers that remember what was reported to them."""

from dataclasses import dataclass, field

from amalthea.engine.ports import EventType, Key, Listed, WatchEvent


@dataclass(frozen=True)
class Meta:
    name: str
    resource_version: str
    uid: str = "u1"
    namespace: str = "ns"


@dataclass(frozen=True)
class Thing:
    metadata: Meta
    colour: str = ""


@dataclass
class Reports:
    """Remembers what any component of the engine reports."""

    errors: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    done: list[Key] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    leads: list[bool] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    events: int = 0
    returns: int = 0

    def reconciled(self, key: Key, seconds: float) -> None:
        self.seconds.append(seconds)
        self.done.append(key)

    def conflicted(self, key: Key, seconds: float, retry_in: float) -> None:
        self.seconds.append(seconds)
        self.errors.append(f"conflict {key[1]}")
        self.delays.append(retry_in)


class WatchReports(Reports):
    def listed(self, name: str, count: int) -> None:
        assert name
        self.counts.append(count)

    def received(self, name: str) -> None:
        assert name
        self.events += 1

    def failed(self, name: str, error: Exception, retry_in: float) -> None:
        self.errors.append(f"{name}: {error}")
        self.delays.append(retry_in)

    def back(self, name: str) -> None:
        assert name
        self.returns += 1


class WorkReports(Reports):
    def failed(self, key: Key, error: Exception, seconds: float, retry_in: float) -> None:
        self.seconds.append(seconds)
        self.errors.append(f"{key[1]}: {error}")
        self.delays.append(retry_in)


@dataclass
class LeaseReports(Reports):
    unwatched_errors: list[str] = field(default_factory=list)

    def unwatched(self, error: Exception, retry_in: float) -> None:
        self.unwatched_errors.append(repr(error))
        self.delays.append(retry_in)

    def leading(self, leads: bool) -> None:
        self.leads.append(leads)

    def failed(self, error: Exception) -> None:
        self.errors.append(repr(error))


class Half:
    """Always one half, so that there is no jitter."""

    def random(self) -> float:
        return 0.5


def thing(name: str, version: int, uid: str = "u1", colour: str = "") -> Thing:
    return Thing(Meta(name, str(version), uid), colour)


def changed(name: str, version: int, uid: str = "u1", colour: str = "") -> WatchEvent[Thing]:
    return WatchEvent(EventType.MODIFIED, str(version), ("ns", name), thing(name, version, uid, colour))


def deleted(name: str, version: int) -> WatchEvent[Thing]:
    return WatchEvent(EventType.DELETED, str(version), ("ns", name))


def listed(version: int, *things: Thing, unreadable: frozenset[Key] = frozenset()) -> Listed[Thing]:
    return Listed(things, str(version), unreadable)
