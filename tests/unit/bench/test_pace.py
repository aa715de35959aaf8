"""The pace is a mean of CPU times, and sampling it ends."""

import asyncio

from bench.pace import Pace


async def test_the_pace_is_known_from_the_beginning_and_no_task_stays_behind() -> None:
    pace = Pace()
    assert pace.stop() > 0
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
