"""Checks whether the session's front end can be reached, through the tunnel: the answer of `/ready`."""

import asyncio
from urllib.parse import quote

from amalthea.remote.settings import Settings
from amalthea.sidecars.http import probe
from amalthea.sidecars.http.http1 import BadMessage
from amalthea.sidecars.http.origins import Origin

_PATIENCE = 5.0
_SAFE = "/%:@!$&'()*+,;=-._~?"


async def is_ready(settings: Settings) -> bool:
    """Ask as the session's probe says; False where there is no answer within five seconds."""
    if settings.probe == "none":
        return True
    try:
        async with asyncio.timeout(_PATIENCE):
            if settings.probe == "tcp":
                return await _connects(settings.session_port)
            return await _answers(settings)
    except (OSError, BadMessage):
        return False


def target(settings: Settings) -> str:
    """Return the path of the front end: as it is, or percent-encoded where it is not yet."""
    return quote(settings.url_path if settings.url_path.startswith("/") else f"/{settings.url_path}", safe=_SAFE)


async def _connects(port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True


async def _answers(settings: Settings) -> bool:
    front_end = Origin("http", "127.0.0.1", settings.session_port)
    return 200 <= await probe.status(front_end, target(settings), front_end.authority, _PATIENCE) < 400
