"""Checks whether the session's front end can be reached, through the tunnel: the answer of `/ready`."""

import asyncio
from urllib.parse import quote

import aiohttp
from yarl import URL

from amalthea.remote.settings import Settings

_PATIENCE = 5.0
_SAFE = "/%:@!$&'()*+,;=-._~?"


async def is_ready(settings: Settings, session: aiohttp.ClientSession) -> bool:
    """Ask as the session's probe says; False where there is no answer within five seconds."""
    if settings.probe == "none":
        return True
    try:
        async with asyncio.timeout(_PATIENCE):
            if settings.probe == "tcp":
                return await _connects(settings.session_port)
            return await _answers(session, address(settings))
    except (OSError, aiohttp.ClientError):
        return False


def address(settings: Settings) -> URL:
    """Return where the front end is: the path as it is, or percent-encoded where it is nott yet."""
    path = quote(settings.url_path if settings.url_path.startswith("/") else f"/{settings.url_path}", safe=_SAFE)
    return URL(f"http://127.0.0.1:{settings.session_port}{path}", encoded=True)


async def _connects(port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True


async def _answers(session: aiohttp.ClientSession, where: URL) -> bool:
    async with session.get(where, allow_redirects=False) as response:
        return 200 <= response.status < 400
