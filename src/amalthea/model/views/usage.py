"""The CPU use of a session's container, as the metrics API (metrics.k8s.io) measured it.

What is not known is None, never 0.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

VALID = timedelta(minutes=3)
"""The greatest age of a valid measurement. The metrics server makes one every 15 to 60 seconds."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One measurement."""

    cpu: Decimal
    """Cores that the session container used, on average, shortly before."""
    at: datetime

    def valid(self, now: datetime) -> bool:
        """Return whether the measurement is still current."""
        return now - self.at < VALID
