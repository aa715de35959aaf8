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

    def of_container(self, started: datetime | None, now: datetime) -> bool:
        """Return whether the measurement is current, and of the container that started then, if that is known.

        The next pod of a session has the name of the last one, whose measurement is listed for a minute and more.
        """
        return self.valid(now) and (started is None or started <= self.at)
