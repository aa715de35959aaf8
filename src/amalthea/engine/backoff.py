"""Backoff after the n-th failure in a row: exponentially longer, and never in step with others."""

from dataclasses import dataclass

from amalthea.engine.ports import Randomness

LONGEST_ASKED = 60.0
"""Seconds: the most that a server is given which asks to be left alone (Retry-After)."""


KNOCK = 1.5
"""Seconds between attempts at a connection that nobody takes: that costs the server nothing."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter: `base` seconds, `factor` times more per failure up to `cap`.

    Each delay is multiplied by 0.75 to 1.25. The defaults allow at most four attempts a minute after the first.
    """

    random: Randomness
    base: float = 1.2
    factor: float = 4.0
    cap: float = 30.0

    def delay(self, failures: int, at_least: float | None = None) -> float:
        """Return the seconds to wait after `failures` (1 or more) in a row, `at_least` what the server asked for.

        At most LONGEST_ASKED: a proxy's maintenance page may ask for a day.
        """
        # The exponent is bounded because a float overflows after a thousand failures, which takes one bad night.
        exponential = min(self.cap, self.base * self.factor ** min(failures - 1, 32))
        return max(min(at_least or 0.0, LONGEST_ASKED), self._jittered(exponential))

    def knock(self) -> float:
        """Return the seconds to wait while connections are refused, however often that was tried."""
        return self._jittered(KNOCK)

    def _jittered(self, seconds: float) -> float:
        return seconds * (0.75 + self.random.random() / 2)
