"""Users who share the operator with a crowd, or with a webhook that hangs, must not wait for them."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Key, Unavailable
from amalthea.engine.slots import PATIENCE, Slots
from amalthea.engine.work.controller import Controller, Result
from amalthea.engine.work.queue import Priority, WorkQueue
from amalthea.engine.work.room import Bounds
from amalthea.testing.clock import FakeClock
from tests.unit.engine.things import Half, WorkReports

USER, NEWS, BACKGROUND = Priority
WISH: Key = ("team", "new")
WORKERS, BOUNDS = 16, Bounds(96, 32)
"""As in earnest."""


def queue() -> WorkQueue:
    return WorkQueue(FakeClock(), Backoff(Half()))


async def served(queue: WorkQueue) -> Key:
    """Hand out a key and look at it at once."""
    key = await queue.get()
    queue.done(key)
    return key


async def at_once(queue: WorkQueue) -> Key | None:
    """Return what is handed out without any wait, or None."""
    getting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    if getting.done():
        return getting.result()
    getting.cancel()
    await asyncio.wait({getting})
    return None


@pytest.mark.parametrize("spaces", [1, 40], ids=["of one namespace", "of forty namespaces"])
@pytest.mark.parametrize("others", [NEWS, BACKGROUND])
async def test_a_users_wish_waits_for_one_pass_of_others_at_most(others: Priority, spaces: int) -> None:
    """A node pool flaps, or a new leader looks at all sessions, while a user creates one."""
    waiting = queue()
    crowd = [(f"team-{number % spaces}", f"s{number}") for number in range(400)]
    for key in crowd:
        waiting.add(key, others)
    for round_ in range(50):
        wish = ("team", f"new-{round_}")
        waiting.add(wish, USER)
        first = [await served(waiting), await served(waiting)]
        assert wish in first
        for key in first:
            waiting.add(key, others)


@pytest.mark.parametrize("lower", [NEWS, BACKGROUND])
async def test_background_keys_are_served_all_the_same(lower: Priority) -> None:
    waiting = queue()
    for number in range(10):
        waiting.add(("team", f"s{number}"), USER)
    waiting.add(("team", "quiet"), lower)
    order = []
    while ("team", "quiet") not in order:
        order.append(await served(waiting))
        waiting.add(order[-1], USER)
        assert len(order) <= 22


LOADS: dict[str, dict[str, list[Priority]]] = {
    "a script toggles, another namespace starts": {"many": [USER] * 300, "few": [NEWS] * 3},
    "all that waits is of one class": {f"team-{number}": [BACKGROUND] * (number + 1) ** 2 for number in range(10)},
    "each class has its crowd": {"wishes": [USER] * 100, "pods": [NEWS] * 500, "rest": [BACKGROUND] * 900},
    "one session among crowds": {"a": [USER] * 99, "b": [USER] * 99, "c": [USER] * 99, "one": [BACKGROUND]},
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
async def test_no_namespace_gets_less_than_half_of_an_equal_share(load: dict[str, list[Priority]]) -> None:
    waiting = queue()
    priorities = {(space, f"s{n}"): given for space, all_ in load.items() for n, given in enumerate(all_)}
    for key, priority in priorities.items():
        waiting.add(key, priority)
    turns, got = 200 * len(load), Counter[str]()
    for _ in range(turns):
        key = await served(waiting)
        got[key[0]] += 1
        waiting.add(key, priorities[key])
    assert min(got[space] for space in load) >= turns / len(load) / 2


async def test_any_mixture_is_fair_at_any_time() -> None:
    """Namespaces come and go, as users do; none waits longer than two rounds of those that wait with it."""
    chance, waiting = random.Random(1), queue()
    since: dict[str, int] = {}  # turns since a namespace that waits was served last
    most = 0
    for _ in range(5000):
        for _ in range(chance.choice([0, 0, 1, 3])):
            key = (f"team-{int(chance.expovariate(0.3))}", f"s{chance.randrange(200)}")
            waiting.add(key, chance.choice([USER, NEWS, NEWS, BACKGROUND]))
            since.setdefault(key[0], 0)
        most = max(most, len(since))
        if not waiting.depth:
            continue
        space, _ = await served(waiting)
        since = {each: turns + 1 for each, turns in since.items()}
        since[space] = 0
        if not any(key[0] == space for key in waiting._ready):
            del since[space]
        assert max(since.values(), default=0) <= 2 * most + 1


@pytest.mark.parametrize("rest", [0, 500])
async def test_news_do_not_wait_until_a_crowd_of_wishes_is_through(rest: int) -> None:
    """A course begins: a hundred sessions are created at once, and the first of them are up."""
    waiting = queue()
    for number in range(100):
        waiting.add(("team", f"new-{number}"), USER)
    for number in range(rest):
        waiting.add(("team", f"rest-{number}"), BACKGROUND)
    news = [("team", f"pod-{number}") for number in range(10)]
    for key in news:
        waiting.add(key, NEWS)
    order = [await served(waiting) for _ in range(100)]
    assert max(order.index(key) for key in news) <= (40 if rest else 20)
    assert sum(key[1].startswith("new") for key in order) >= 50


async def test_work_that_waited_for_a_new_leader_delays_no_users_wish() -> None:
    waiting = queue()
    for number in range(100):
        waiting.add(("other", f"s{number}"), USER)  # created in the days before, while another replica led
    waiting.demote()
    waiting.add(WISH, USER)
    assert WISH in [await served(waiting), await served(waiting)]
    assert waiting.depth == 99


async def test_a_wish_that_fails_is_tried_again_behind_fresh_ones_and_before_the_rest() -> None:
    clock = FakeClock()
    waiting = WorkQueue(clock, Backoff(Half(), base=1.0))
    waiting.add(WISH, USER)
    waiting.retry(await waiting.get())
    waiting.done(WISH)
    waiting.add(("team", "rest"), BACKGROUND)
    await clock.advance(1)
    waiting.add(("team", "fresh"), USER)
    order = [waiting._urgent[priority].next(lambda _: True) for priority in Priority]
    assert order == [("team", "fresh"), WISH, ("team", "rest")]


async def took_long(queue: WorkQueue, clock: FakeClock, keys: Iterable[Key]) -> None:
    """Have keys looked at, each for longer than most take."""
    for key in keys:
        queue.add(key)
    taken = [await queue.get() for _ in range(queue.depth)]
    await clock.advance(PATIENCE)
    for key in taken:
        queue.done(key)


async def all_at_once(queue: WorkQueue) -> list[Key]:
    """Hand out all keys that need not wait."""
    taken: list[Key] = []
    while (key := await at_once(queue)) is not None:
        taken.append(key)
    return taken


@pytest.mark.parametrize("hanging", [1, 2, 5, 20])
async def test_however_many_namespaces_hang_there_is_room_for_another_that_may_hang(hanging: int) -> None:
    clock = FakeClock()
    waiting = WorkQueue(clock, Backoff(Half()), Bounds(again=64))
    crowd = [(f"hangs-{number % hanging}", f"s{number}") for number in range(1000)]
    await took_long(waiting, clock, (*crowd, WISH))
    for key in crowd:
        waiting.add(key, USER)
    taken = await all_at_once(waiting)
    shares = Counter(space for space, _ in taken)
    assert len(taken) < 64
    assert min(shares.values()) >= max(shares.values()) / 2
    waiting.add(WISH)
    assert await at_once(waiting) == WISH
    waiting.done(taken[0])  # one that hung has ended: another of the crowd has its place
    waiting.done(WISH)
    assert await at_once(waiting) is not None


@pytest.mark.parametrize("hanging", [1, 96, 1000])
async def test_a_hanging_crowd_leaves_room_for_those_that_never_hung(hanging: int) -> None:
    clock = FakeClock()
    waiting = WorkQueue(clock, Backoff(Half()), Bounds(again=64))
    crowd = [(f"hangs-{number % hanging}", f"s{number}") for number in range(1000)]
    await took_long(waiting, clock, crowd)
    for key in crowd:
        waiting.add(key, USER)
    assert len(await all_at_once(waiting)) <= 64
    for key in (WISH, ("hangs-0", "new")):
        waiting.add(key)
        assert await at_once(waiting) == key
    waiting.done(WISH)
    waiting.add(WISH)
    assert await at_once(waiting) == WISH  # it took no time, so it still needs no room


class TimedOut(Unavailable):
    """A webhook did not answer."""


@dataclass
class World:
    """A controller as in production, some of whose sessions hang for 30 s in each pass and fail then."""

    clock: FakeClock = field(default_factory=FakeClock)
    looked_at: dict[Key, float] = field(default_factory=dict)
    all_slow: bool = False
    each: float = 0.3
    """Seconds that the server takes for each of what it does one after the other."""
    served: float = 0.0
    """When the server is done with all that it does one after the other."""

    def __post_init__(self) -> None:
        self.queue = WorkQueue(self.clock, Backoff(random.Random(1)), BOUNDS)
        slots = Slots(WORKERS, self.clock, PATIENCE, lambda: self.all_slow)
        controller = Controller(self.queue, self._work, slots, self.clock, WorkReports())
        self.running = asyncio.create_task(controller.run())

    async def _work(self, key: Key) -> Result:
        if key[1].startswith("hangs"):
            await self.clock.sleep(30)
            raise TimedOut
        if key[1].startswith("serial"):
            self.served = max(self.served, self.clock.monotonic()) + self.each
            await self.clock.sleep(self.served - self.clock.monotonic())
        await self.clock.sleep(0.05)
        self.looked_at[key] = self.clock.monotonic()
        return Result()

    async def wait_of(self, key: Key) -> float:
        """Return for how many seconds a user's wish waits, its own pass included."""
        began = self.clock.monotonic()
        self.queue.add(key, USER)
        while self.looked_at.get(key, -1.0) < began:
            await self.clock.advance(0.05)
            assert self.clock.monotonic() - began < 300
        return self.clock.monotonic() - began


@pytest.mark.parametrize(
    ("spaces", "sessions", "turns"),
    # Wishes of other namespaces that came before are looked at before, sixteen in a second, at most two of each.
    [(1, 16, 1), (1, 40, 1), (1, 1000, 1), (3, 300, 1), (10, 300, 2), (96, 96, 7), (160, 480, 21)],
)
async def test_a_webhook_that_hangs_holds_up_nobody_elses_session(spaces: int, sessions: int, turns: int) -> None:
    world = World()
    for number in range(sessions):
        world.queue.add((f"team-{number % spaces}", f"hangs-{number}"), USER)
    waits = []
    for number in range(30):
        waits.append(await world.wait_of(("other", f"s{number}")))
        await world.clock.advance(2.7)
    assert max(waits) <= turns * PATIENCE + 0.11
    world.running.cancel()
    await asyncio.wait({world.running})


@pytest.mark.parametrize("each", [0.1, 0.3, 1.0, 2.5])
async def test_slow_passes_that_end_well_are_not_slowed_down_by_more_of_them(each: float) -> None:
    """Services are made one after the other by the API server: a hundred at once all took longer than it was waited."""
    world = World(each=each)
    for number in range(200):
        world.queue.add(("team", f"serial-{number}"), USER)
    most = 0
    for _ in range(400):
        await world.clock.advance(0.2 + each)
        most = max(most, len(world.queue._in_work))
    assert most <= BOUNDS.first / 2
    assert len(world.looked_at) == 200
    world.running.cancel()
    await asyncio.wait({world.running})


async def test_a_slow_server_gets_no_more_passes_than_there_are_workers() -> None:
    """An API server that can do no more would only become slower."""
    world = World(all_slow=True)
    for number in range(100):
        world.queue.add(("team", f"hangs-{number}"), USER)
    await world.clock.advance(20)
    assert world.queue.depth == 100 - WORKERS
    world.all_slow = False
    await world.clock.advance(PATIENCE)
    assert world.queue.depth == 100 - 2 * WORKERS
    world.running.cancel()
    await asyncio.wait({world.running})


async def test_a_session_that_hangs_holds_up_no_neighbour_of_its_namespace() -> None:
    """The chart serves one namespace by default. Which sessions hang is known once each of them has been looked at."""
    world = World()
    for number in range(100):
        world.queue.add(("team", f"hangs-{number}"), USER)
    assert await world.wait_of(("team", "first")) <= 100 / WORKERS * PATIENCE + 0.11  # behind all of them
    waits = []
    for number in range(40):
        waits.append(await world.wait_of(("team", f"s{number}")))
        await world.clock.advance(2.7)
    assert max(waits) <= PATIENCE + 0.11
    world.running.cancel()
    await asyncio.wait({world.running})


async def test_slow_sessions_give_their_namespaces_no_second_share() -> None:
    clock = FakeClock()
    waiting = WorkQueue(clock, Backoff(Half()))
    slow = [(f"team-{number % 9}", f"slow-{number}") for number in range(90)]
    await took_long(waiting, clock, slow)
    for key in (*slow, *((space, f"quick-{name}") for space, name in slow), *(("quiet", str(n)) for n in range(90))):
        waiting.add(key, BACKGROUND if key[0] == "quiet" else USER)
    served_spaces: Counter[str] = Counter()
    for _ in range(180):
        key = await waiting.get()
        served_spaces[key[0]] += 1
        waiting.done(key)
        waiting._slow |= {key} & set(slow)
        waiting.add(key, BACKGROUND if key[0] == "quiet" else USER)
    assert served_spaces["quiet"] >= 180 / 10 / 2
