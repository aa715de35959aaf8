"""Requests over HTTP: connections, credentials, time limits, and errors by their kind.

The lower half of `client.py`, which knows what to ask; also used by `watch.py`, whose answers do not end.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Self, TypeAlias
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from amalthea import __version__
from amalthea.engine.clock import SystemClock
from amalthea.engine.server_time import Answer
from amalthea.kube import errors
from amalthea.kube.auth.config import Config
from amalthea.kube.crowd import Crowd

TIME_LIMIT = 30.0
"""Seconds for a request and its whole answer."""

_NO_LIMITS = aiohttp.ClientTimeout(total=None)

_KEEP_ALIVE = 60.0
"""Seconds for which an idle connection is kept: less than servers and balancers do, more than the next write takes."""

_SILENCE = 60
"""Seconds without any sign of life from the other machine after which a connection is given up."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is counted; `status` is 0 where there was no whole answer, `seconds` until its end."""

    verb: str
    resource: str
    status: int
    seconds: float


CallObserver: TypeAlias = Callable[[Call], None]

DateObserver: TypeAlias = Callable[[Answer], None]
"""Called with the time of each good answer, by the server's own clock, as soon as it begins to come."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what it is called in metrics (`verb`, `resource`), and where it goes."""

    verb: str
    resource: str
    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: bytes | None = None
    content_type: str = "application/json"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Transport:
    """Connections to one API server: a fixed number for requests, beside those that hang, and one for each stream."""

    def __init__(
        self,
        config: Config,
        observer: CallObserver | None = None,
        pool: int = 32,
        date_observer: DateObserver | None = None,
    ) -> None:
        self._config = config
        self._observer = observer
        self._date_observer = date_observer
        self._crowd = Crowd(pool, SystemClock())
        self._requests: aiohttp.ClientSession
        self._streams: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._requests = self._session()
        self._streams = self._session()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._requests.close()
        await self._streams.close()

    def slow(self) -> bool:
        """Return whether the server is slow for all requests."""
        return self._crowd.slow()

    async def send(self, request: Request) -> bytes:
        """Return the answer's body, within TIME_LIMIT once it is sent, or sooner in a crowd; raise `errors.ApiError`.

        Not sent twice, but for two cases: a 401 that another token may cure, and (aiohttp does that) a GET, PUT or
        DELETE whose connection broke before any answer.
        """
        try:
            async with self._crowd.one(TIME_LIMIT), self._exchange(self._requests, request, _NO_LIMITS) as response:
                return await response.read()
        except TimeoutError as error:
            raise errors.unreachable(str(request), error) from None

    @asynccontextmanager
    async def stream(self, request: Request, silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an answer that goes on, as chunks; TimeoutError after `silence` seconds without any."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=TIME_LIMIT, sock_read=silence)
        async with self._exchange(self._streams, request, limits) as response:
            try:
                yield response.content.iter_any()
            finally:
                _hang_up(response)

    @asynccontextmanager
    async def _exchange(
        self, session: aiohttp.ClientSession, request: Request, limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open one answer, count it when it ends, and turn what goes wrong into our errors."""
        started = time.monotonic()
        status = 0
        try:
            async with await self._ask(session, request, limits) as response:
                status = response.status
                if status >= 300:
                    body = await response.read()
                    raise errors.from_answer(str(request), status, body, response.headers.get("Retry-After"))
                yield response
        except asyncio.CancelledError:
            status = 0
            raise
        except (aiohttp.ClientError, OSError) as error:  # OSError includes TimeoutError
            status = 0
            raise errors.unreachable(str(request), error) from None
        finally:
            if self._observer is not None:
                self._observer(Call(request.verb, request.resource, status, time.monotonic() - started))

    async def _ask(
        self, session: aiohttp.ClientSession, request: Request, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """Send the request; again where a 401 says that nothing was done and there is another token."""
        response = await self._ask_once(session, request, limits)
        if response.status == 401 and await self._config.credentials.renew():
            response.release()
            response = await self._ask_once(session, request, limits)
        return response

    async def _ask_once(
        self, session: aiohttp.ClientSession, request: Request, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        query = f"?{urlencode(request.query)}" if request.query else ""
        headers = {"Content-Type": request.content_type} if request.body is not None else {}
        if token := await self._config.credentials.token():
            headers["Authorization"] = f"Bearer {token}"
        sent = time.monotonic()
        response = await session.request(
            request.method,
            URL(f"{self._config.server}{request.path}{query}", encoded=True),
            data=request.body,
            headers=headers,
            timeout=limits,
            allow_redirects=False,  # the token is for this server only
            server_hostname=self._config.server_name or None,
        )
        date = _date(response.headers.get("Date", "")) if response.status < 300 else None  # else it may be a proxy's
        if date is not None and self._date_observer is not None:
            self._date_observer(Answer(date, sent, time.monotonic()))
        return response

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=_KEEP_ALIVE,
            ssl=self._config.tls or True,
            socket_factory=_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=self._config.proxy or None,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # the server's CPU is scarcer than the bytes between us
                "User-Agent": f"amalthea/{__version__}",
            },
        )


@lru_cache(maxsize=4)
def _date(text: str) -> datetime | None:
    """Return the time of a `Date` (RFC 9110, 6.6.1), or None if it is malformed, or leaves no room to count on."""
    try:
        date = parsedate_to_datetime(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None
    return date if date is not None and date.year < MAXYEAR else None


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """Abort a connection: a TLS shutdown would wait for an answer that a half-open peer never sends."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Make a socket that notices when the other machine vanished silently."""
    made = socket.socket(address[0], address[1], address[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE // 2)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENCE // 6)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE * 1000)
    return made
