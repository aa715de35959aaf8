"""Progress must be told, but a crowd's progress must not stand in the way of the crowd."""

from itertools import pairwise

from amalthea.engine.ports import Key
from amalthea.operator.pacer import INTERVAL, SPACING, Pacer
from amalthea.testing.clock import FakeClock

ONE = ("ns", "one")


class Desk:
    """Sessions that ask for their turn whenever they are woken."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pacer = Pacer(self.clock, self.look)
        self.written: list[tuple[float, Key]] = []

    def look(self, key: Key) -> None:
        if self.pacer.may_write(key):
            self.written.append((self.clock.monotonic(), key))


async def test_a_session_alone_is_told_after_two_seconds_and_not_more_often() -> None:
    desk = Desk()
    desk.look(ONE)
    desk.look(ONE)
    await desk.clock.advance(SPACING)
    assert desk.written == [(SPACING, ONE)]
    desk.look(ONE)
    await desk.clock.advance(SPACING)
    assert desk.written == [(SPACING, ONE), (2 * SPACING, ONE)]


async def test_a_crowd_takes_turns() -> None:
    desk = Desk()
    for number in range(20):
        desk.look(("ns", str(number)))
    await desk.clock.advance(SPACING + 20 * INTERVAL)
    assert [key[1] for _, key in desk.written] == [str(number) for number in range(20)]
    times = [time for time, _ in desk.written]
    assert all(later - earlier >= INTERVAL - 1e-9 for earlier, later in pairwise(times))


async def test_what_was_told_with_another_change_is_not_told_again() -> None:
    desk = Desk()
    desk.look(ONE)
    await desk.clock.advance(1.0)
    desk.pacer.wrote(ONE)
    await desk.clock.advance(10 * SPACING)
    assert desk.written == []


async def test_a_session_that_has_started_is_not_woken_any_more() -> None:
    desk = Desk()
    desk.look(ONE)
    desk.pacer.forget(ONE)
    await desk.clock.advance(10 * SPACING)
    assert desk.written == []
