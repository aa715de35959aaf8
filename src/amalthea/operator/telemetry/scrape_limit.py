"""Lets so many requests of strangers in at a time: whoever reaches the port may ask, and as often as they like.

Each scrape holds a row for each session, and each token that is shown is a question to the API server.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class ScrapeLimit:
    """So many places, and so many who may wait for one; all others are turned away at once."""

    def __init__(self, places: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(places)
        self._most = places + waiting
        self._here = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Do the body in a place.

        Raises:
            HTTPServiceUnavailable: too many wait already.
        """
        if self._here >= self._most:
            raise web.HTTPServiceUnavailable(text="too many ask at once", headers={"Retry-After": "5"})
        self._here += 1
        try:
            async with self._free:
                yield
        finally:
            self._here -= 1
