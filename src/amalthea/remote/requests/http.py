"""Requests over real connections: TLS by `sidecars/http/trust.py`, the network's proxy by the usual variables.

Each has a time limit. A GET follows redirects within its origin; nothing else is sent anywhere but to its address.
"""

import ssl
from typing import Self
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from amalthea import __version__
from amalthea.remote.errors import Unavailable
from amalthea.remote.requests.exchange import MAX_ANSWER, Answer, Question, read_retry_after
from amalthea.sidecars.http import origins

TIME_LIMIT = 30.0
"""Seconds for a question and its whole answer: FirecREST gives each command on the cluster 5 s, and a few for ssh."""
_CONNECT = 10.0
_REDIRECTS = 3


class HttpExchange:
    """Implements `Exchange`."""

    def __init__(self, trust: ssl.SSLContext, time_limit: float = TIME_LIMIT) -> None:
        self._trust = trust
        self._limits = aiohttp.ClientTimeout(total=time_limit, connect=_CONNECT)
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=4, ssl=self._trust, keepalive_timeout=20),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=True,
            headers={"User-Agent": f"amalthea/{__version__}", "Accept": "application/json"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def __call__(self, question: Question) -> Answer:
        """Ask; raise Unavailable where there is no whole answer."""
        host = _host(question.url)
        address = question.address
        try:
            for _ in range(_REDIRECTS):
                async with self._ask(question, address) as response:
                    location = response.headers.get("Location", "")
                    if response.status not in (301, 302, 303, 307, 308) or question.method != "GET" or not location:
                        return await _read(response)
                address = _sent_on(host, address, location)
        except TimeoutError:
            raise Unavailable(f"{host} did not answer in time.") from None
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or "it is not for this name"
            raise Unavailable(f"The certificate of {host} is not trusted: {why}.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{host} cannot be reached ({_plain(error)}).") from None
        raise Unavailable(f"{host} redirected the request more than {_REDIRECTS} times.")

    def _ask(self, question: Question, address: str) -> "aiohttp.client._RequestContextManager":
        headers = {}
        if question.bearer:
            headers["Authorization"] = f"Bearer {question.bearer}"
        if question.body is not None:
            headers["Content-Type"] = question.body.type
        return self._session.request(
            question.method,
            URL(address, encoded=True),
            data=question.body.content if question.body else None,
            headers=headers,
            timeout=self._limits,
            allow_redirects=False,
        )


async def _read(response: aiohttp.ClientResponse) -> Answer:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_ANSWER:
            raise Unavailable(f"{response.url.host} sent more than {MAX_ANSWER // 2**20} MiB at once.")
    return Answer(response.status, bytes(content), read_retry_after(response.headers.get("Retry-After")))


def _host(url: str) -> str:
    try:
        return URL(url).host or "The server"
    except ValueError:
        return "The server"


def _sent_on(host: str, address: str, location: str) -> str:
    target = urljoin(address, location)
    if not origins.same_origin(address, target):
        raise Unavailable(f"{host} redirected the request to another server, which must not get the token.")
    return target


def _plain(error: Exception) -> str:
    """Describe what went wrong without the address, whose query may hold private data."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
