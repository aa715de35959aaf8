"""Asks one session's pod over HTTP, at its metadata port. The answer is not trusted.

So no redirect is followed, nothing is unpacked or read without limit, and no proxy of the environment is used.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import aiohttp
from yarl import URL

from amalthea import __version__
from amalthea.api import names
from amalthea.model.views.door import NoAnswerError

TIME_LIMIT = 3.0
"""Seconds for the whole answer."""
SIZE_LIMIT = 4096
"""Bytes of a door's answer; some 200 are usual."""
JOB_SIZE_LIMIT = 16384
"""Bytes of the report on a job: an error may take a thousand characters, in any script."""

Ring: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Returns what the pod at an address answers, or raises `NoAnswerError`."""


async def ring(address: str) -> bytes:
    """Return what the door at an IP address answers.

    Raises:
        NoAnswerError: it does not, in time and briefly.
    """
    return await _ask(address, "/request_stats", SIZE_LIMIT)


async def ask_for_job(address: str) -> bytes:
    """Return what the controller of a remote session answers, through its door if it has one.

    Raises:
        NoAnswerError: it does not, in time and briefly.
    """
    return await _ask(address, "/remote_status", JOB_SIZE_LIMIT)


async def _ask(address: str, path: str, longest: int) -> bytes:
    try:
        url = URL.build(scheme="http", host=address, port=names.PORT_META, path=path)
        async with _client() as client, client.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise NoAnswerError(f"it answers with status {response.status}")
            return await _brief(response.content, longest)
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


async def _brief(content: aiohttp.StreamReader, longest: int) -> bytes:
    body = b""
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > longest:
            raise NoAnswerError(f"its answer is longer than {longest} bytes")
    return body
