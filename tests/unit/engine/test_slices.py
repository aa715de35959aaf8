"""Long work that keeps the loop to itself keeps users waiting; one that never ends is not done at all."""

from collections.abc import Iterator

import pytest

from amalthea.engine.slices import LONGEST, in_slices
from tests.support.work_clock import WorkClock


@pytest.mark.parametrize(
    ("of_an_item", "share", "sleeps"),
    [
        (LONGEST * 0.6, 0.5, [LONGEST * 1.2] * 3),  # two items each
        (LONGEST * 3, 0.5, [LONGEST * 3] * 6),  # no item is cut
        (LONGEST * 2, 0.2, [LONGEST * 8] * 6),
        (LONGEST / 100, 0.2, []),  # no turn is given up for so little
    ],
)
async def test_the_loop_is_others_for_the_rest_of_the_time(
    of_an_item: float, share: float, sleeps: list[float]
) -> None:
    clock, done = WorkClock(), []
    async for item in in_slices(range(6), clock, share):
        clock.time += of_an_item
        done.append(item)
    assert done == list(range(6))
    assert clock.sleeps == [round(each, 6) for each in sleeps]


async def test_the_making_of_items_counts_as_work() -> None:
    clock = WorkClock()

    def made() -> Iterator[int]:
        for item in range(2):
            clock.time += LONGEST * 2
            yield item

    assert [item async for item in in_slices(made(), clock, 0.5)] == [0, 1]
    assert clock.sleeps == [LONGEST * 2] * 2
