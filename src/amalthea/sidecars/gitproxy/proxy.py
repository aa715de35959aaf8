"""The proxy: accepts connections of git and others, and sends each where it has to go.

A CONNECT to a server with a configured repository is intercepted: its TLS ends here, and each request is looked at
(`exchange.py`). Any other CONNECT is a tunnel whose bytes nobody reads. HTTP without TLS is passed on.
"""

import asyncio
import logging
import ssl

from amalthea.sidecars.gitproxy import refusal
from amalthea.sidecars.gitproxy.exchange import Conversation
from amalthea.sidecars.gitproxy.refusal import Refused
from amalthea.sidecars.gitproxy.rules import routing
from amalthea.sidecars.gitproxy.site import Site
from amalthea.sidecars.http import peer
from amalthea.sidecars.http.http1 import BadMessage, Request, read_request
from amalthea.sidecars.http.origins import Origin
from amalthea.sidecars.http.peer import Peer

log = logging.getLogger("gitproxy")

_CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy:
    """Handles connections; `certificate` is shown in place of the providers' own."""

    def __init__(self, site: Site, certificate: ssl.SSLContext) -> None:
        self._site = site
        self._certificate = certificate

    async def handle(self, client: Peer) -> None:
        """Serve a client's connection to its end. It never raises: an error affects only this connection."""
        try:
            await self._serve(client, None)
            await client.close()
        except OSError as error:
            log.debug("a connection broke", extra={"error": str(error)})
            client.abort()
        except asyncio.CancelledError:  # the proxy ends
            client.abort()

    async def _serve(self, client: Peer, server: Origin | None) -> None:
        """Serve requests: within a tunnel to `server`, or those that name their server themselves."""
        conversation = Conversation(client, self._site)
        try:
            while data := await client.head(client.idle):
                request = read_request(data)
                if server is None and request.method == "CONNECT":
                    await self._connect(client, request)
                    return
                where, request = (server, routing.within(request, server)) if server else routing.plain(request)
                if not await conversation.serve(where, request):
                    return
        except (BadMessage, Refused) as error:
            log.warning("a request was refused", extra={"status": error.status, "error": str(error)})
            await conversation.end_upload()
            await refusal.answer(client, error.status, str(error))
        finally:
            conversation.hang_up()

    async def _connect(self, client: Peer, request: Request) -> None:
        server = routing.tunnel(request)
        if routing.intercepted(self._site.repositories, server):
            await client.send(_CONNECTED)
            await client.secure(self._certificate, self._site.dial_seconds)
            await self._serve(client, server)
            return
        try:
            other = await self._site.network.dial(server, None, self._site.dial_seconds, self._site.idle_seconds)
        except OSError as error:
            raise refusal.of(server, error) from None
        try:
            await client.send(_CONNECTED)
            await peer.join(client, other)
            await other.close()
        finally:
            other.abort()
