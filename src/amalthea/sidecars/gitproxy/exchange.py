"""The requests of one client, one after the other: each gets its token, goes to its server, and its answer comes back.

One connection of the client is one connection to the server: if either ends, so does the other. A request that the
server refused (401) is sent once more with a new token, if its body is short enough to have been kept.
"""

import asyncio
import logging

from amalthea.sidecars.gitproxy import refusal
from amalthea.sidecars.gitproxy.refusal import Refused
from amalthea.sidecars.gitproxy.rules import echo, eligibility, matching
from amalthea.sidecars.gitproxy.site import Site
from amalthea.sidecars.gitproxy.tokens import NoToken, TokensUnavailable
from amalthea.sidecars.http import peer
from amalthea.sidecars.http.http1 import BadMessage, Request, Response, read_response
from amalthea.sidecars.http.origins import Origin
from amalthea.sidecars.http.peer import Peer

KEPT = 64 * 1024
"""The largest body, in bytes, that is kept until its answer is there."""
_GRACE_SECONDS = 0.1
_MOVED = (301, 302, 307, 308)

log = logging.getLogger("gitproxy")


class Conversation:
    """A client's requests to one server, or to several one after the other."""

    def __init__(self, client: Peer, site: Site) -> None:
        self._client = client
        self._site = site
        self._server: Origin | None = None
        self._upstream: Peer | None = None
        self._upload: asyncio.Task[None] | None = None
        self._sent = ""
        """The token that the last request carried, if any."""

    async def serve(self, server: Origin, request: Request) -> bool:
        """Bring a request to its server and the answer back; return whether the client may ask again.

        Raises:
            Refused: there is no answer to bring; nothing was sent to the client yet.
            BadMessage: what the client sent cannot be passed on; nothing was sent to it yet.
            OSError: a connection broke while the answer was on its way.
        """
        provider = matching.provider(self._site.known, server, request.target)
        if provider and (why := eligibility.why_not(request)):
            log.warning("a request is passed on without a token", extra={"provider": provider, "error": why})
            provider = None
        is_exposed = provider is not None and not self._site.clear_text.allows(f"{server.scheme}://{server.authority}")
        if is_exposed:
            provider = None
        body = await self._kept(request)
        token = await self._token(provider)
        response = await self._ask(server, request, body, token)
        if response.status == 401 and provider and token and body is not None:
            newer = await self._token(provider, refused=token)
            if newer not in ("", token):
                self.hang_up()
                response = await self._ask(server, request, body, newer)
        if provider and response.status in _MOVED:
            self._site.learn(server, request.target, response)
        if is_exposed and response.status == 401 and not request.values("authorization"):
            raise refusal.unencrypted(server)
        if response.status == 101 and not request.values("upgrade"):
            raise Refused(502, f"{server.host} changed the protocol without being asked.")
        body = None
        if self._sent and echo.is_searched(request, response):
            body = await self._searched(server, response)
            response = echo.with_length(response, len(body))
        return await self._bring(request, response, body)

    def hang_up(self) -> None:
        """End the connection to the server."""
        if self._upload is not None:
            self._upload.cancel()
            self._upload = None
        if self._upstream is not None:
            self._upstream.abort()
            self._upstream = None

    async def end_upload(self) -> None:
        """Stop passing on a body, so that its client can be read from here."""
        if self._upload is not None:
            self._upload.cancel()
            await asyncio.wait((self._upload,))

    async def _kept(self, request: Request) -> bytes | None:
        """Read a short body, so that the request can be sent twice; None: it has to be passed on as it comes."""
        framing = request.framing
        if not isinstance(framing, int) or framing > KEPT or request.values("expect"):
            return b"" if framing == 0 else None
        return await self._client.exactly(framing)

    async def _token(self, provider: str | None, refused: str = "") -> str:
        if provider is None:
            return ""
        try:
            return await self._site.tokens.of(provider, refused)
        except NoToken as error:  # perhaps the repository is open to all, or the user has credentials of their own
            log.warning("a request is passed on without a token", extra={"provider": provider, "error": str(error)})
            return ""
        except TokensUnavailable as error:
            raise Refused(503, str(error)) from None

    async def _ask(self, server: Origin, request: Request, body: bytes | None, token: str) -> Response:
        """Send a request, and return the head of its answer. What it answers before (1xx) is passed on at once."""
        self._sent = token
        if token:
            request = request.with_field("Authorization", echo.credentials(token))
            request = request.with_field("Accept-Encoding", "identity")  # so that the answer can be searched
        again = request.method in ("GET", "HEAD") and self._upstream is not None
        try:
            try:
                return await self._exchange(server, request, body)
            except ConnectionError:  # the server has closed a connection that it had kept, just now
                if not again:
                    raise
            self.hang_up()
            return await self._exchange(server, request, body)
        except BadMessage as error:
            self._blame_client()
            raise Refused(502, f"{server.host} sent an answer that cannot be read: {error}") from None
        except echo.SentBack as error:
            raise refusal.sent_back(server, error) from None
        except OSError as error:
            self._blame_client()
            raise refusal.of(server, error) from None

    def _blame_client(self) -> None:
        """Raise the client's error, where that is why there is no answer."""
        if self._upload is not None and self._upload.done() and not self._upload.cancelled():
            self._upload.result()

    async def _exchange(self, server: Origin, request: Request, body: bytes | None) -> Response:
        upstream = await self._connected(server)
        await upstream.send(request.encode() + (body or b""))
        if body is None:
            self._upload = asyncio.create_task(self._pour(request, upstream))
            self._upload.add_done_callback(_look_at)
        reading = asyncio.create_task(self._answer(upstream, request.method))
        try:
            if self._upload is not None:
                await asyncio.wait((reading, self._upload), return_when=asyncio.FIRST_COMPLETED)
            async with asyncio.timeout(self._site.idle_seconds):
                return await reading
        finally:
            reading.cancel()

    async def _connected(self, server: Origin) -> Peer:
        if self._upstream is not None and (self._server != server or self._upstream.reader.at_eof()):
            self.hang_up()
        if self._upstream is None:
            trust = self._site.trust if server.scheme == "https" else None
            dial = self._site.network.dial
            self._upstream = await dial(server, trust, self._site.dial_seconds, self._site.idle_seconds)
            self._server = server
        return self._upstream

    async def _pour(self, request: Request, upstream: Peer) -> None:
        try:
            await peer.pour(self._client, upstream, request.framing)
        except (BadMessage, peer.Truncated, TimeoutError):
            upstream.abort()
            raise
        except OSError:  # a server that takes no more may have answered already
            if self._client.reader.exception() is not None:
                upstream.abort()
                raise

    async def _answer(self, upstream: Peer, method: str) -> Response:
        while True:
            data = await upstream.head(None)  # `_exchange` has the patience, for uploads take their time
            if not data:
                raise peer.Truncated("the connection ended without an answer")
            response = read_response(data, method)
            echo.check_fields(response.fields, self._sent)
            if response.status >= 200 or response.status == 101:
                return response
            await self._client.send(data)

    async def _searched(self, server: Origin, response: Response) -> bytes:
        """Read an answer's body, and return it without the token that its request carried."""
        assert self._upstream is not None
        try:
            echo.check_form(response)
            return echo.cleaned(await peer.whole(self._upstream, response.framing, echo.MOST), self._sent)
        except echo.SentBack as error:
            raise refusal.sent_back(server, error) from None
        except BadMessage as error:
            raise Refused(502, f"{server.host} sent an answer that cannot be read: {error}") from None
        except OSError as error:
            raise refusal.of(server, error) from None

    async def _bring(self, request: Request, response: Response, body: bytes | None) -> bool:
        """Pass an answer on to the client; return whether both connections are good for another request.

        `body`: what was read of it already, if it was read.
        """
        upstream, upload = self._upstream, self._upload
        assert upstream is not None
        if upload is not None:
            await asyncio.wait((upload,), timeout=_GRACE_SECONDS)
        if response.status == 101:
            await self._client.send(response.encode())
            await peer.join(self._client, upstream)
            return False
        early = upload is not None and not upload.done()
        persists = request.persists and response.persists and response.framing != "until close" and not early
        await self._client.send((response if persists else response.closing()).encode())
        try:
            if body is not None:
                await self._client.send(body)
            else:
                await peer.pour(upstream, self._client, response.framing)
        except BadMessage as error:
            raise peer.Truncated(str(error)) from None
        if early:
            await self.end_upload()
            await self._client.linger()
        else:
            self._upload = None
        return persists


def _look_at(upload: asyncio.Task[None]) -> None:
    """Take note of how a task ended: its error shows in the answer, or the lack of one."""
    if not upload.cancelled():
        upload.exception()
