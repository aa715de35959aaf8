"""How long to wait after the n-th failure in a row: exponentially longer, never in step with others."""

from dataclasses import dataclass

from amalthea.engine.ports import Randomness


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter: ``base`` seconds, doubled per failure up to ``cap``, times 0.75 to 1.25."""

    random: Randomness
    base: float = 0.8
    cap: float = 30.0

    def delay(self, failures: int, at_least: float | None = None) -> float:
        """Return seconds to wait after ``failures`` (1 or more) in a row, ``at_least`` what the server asked for."""
        # The exponent is bounded because a float overflows after a thousand failures, which takes one bad night.
        exponential = min(self.cap, self.base * 2.0 ** min(failures - 1, 32))
        return max(at_least or 0.0, exponential * (0.75 + self.random.random() / 2))
