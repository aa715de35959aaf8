"""Asks the door of one session over HTTP, at its pod's metadata port. Whoever answers there is not trusted.

So nothing is followed, unpacked or read without end, and no proxy of the environment is used.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import aiohttp
from yarl import URL

from amalthea import __version__
from amalthea.api import names
from amalthea.model.door import NoAnswerError

TIME_LIMIT = 3.0
"""Seconds for the whole answer."""
SIZE_LIMIT = 4096
"""Bytes of an answer; some 200 are usual."""

Ring: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Returns what the door at an address answers, or raises `NoAnswerError`."""


async def ring(address: str) -> bytes:
    """Return what the door at an IP address answers.

    Raises:
        NoAnswerError: it does not, in time and briefly.
    """
    try:
        url = URL.build(scheme="http", host=address, port=names.PORT_META, path="/request_stats")
        async with _client() as client, client.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise NoAnswerError(f"it answers with status {response.status}")
            return await _brief(response.content)
    except (aiohttp.ClientError, OSError, ValueError) as error:  # OSError includes TimeoutError
        raise NoAnswerError(_cause(error)) from None


def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIME_LIMIT),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", "User-Agent": f"amalthea/{__version__}"},
        auto_decompress=False,
    )


def _cause(error: Exception) -> str:
    """Return what went wrong, without the other side's words: those may be anything, and reach the log."""
    return (str(error) if isinstance(error, OSError) else "") or type(error).__name__


async def _brief(content: aiohttp.StreamReader) -> bytes:
    body = b""
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > SIZE_LIMIT:
            raise NoAnswerError(f"its answer is longer than {SIZE_LIMIT} bytes")
    return body
