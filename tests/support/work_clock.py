"""A clock on which work takes as long as a test says, on a machine of any speed."""

from amalthea.testing.clock import FakeClock


class WorkClock(FakeClock):
    """Stands still while the test works, unless it adds to `time`; remembers for how long was slept."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(round(seconds, 6))
        self.time += seconds
