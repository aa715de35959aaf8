"""Outgoing connections: to a server directly, or through the network's own proxy, as HTTPS_PROXY and NO_PROXY say.

The variables are read as curl reads them. What goes over TLS, and what is a tunnel already, takes the proxy of
HTTPS_PROXY. That of HTTP_PROXY is for single requests without TLS, where a program asks for it.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from amalthea.sidecars.http import http1, origins, peer
from amalthea.sidecars.http.origins import Origin

_HERE = ("localhost", "127.0.0.0/8", "::1")


@dataclass(frozen=True)
class WebProxy:
    """The network's own proxy, and the credentials that it wants, if any."""

    server: Origin
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True)
class Network:
    """The way to servers. Without a proxy each is dialled directly."""

    tunnels: WebProxy | None = None
    """The proxy for what goes over TLS."""
    plain: WebProxy | None = None
    """The proxy for requests without TLS."""
    direct: tuple[str, ...] = ()
    """Names of hosts and domains, addresses and ranges that are reached without a proxy; with a port or not."""

    def takes_proxy(self, server: Origin) -> bool:
        """Return whether a server is reached through a tunnel of the proxy."""
        return self.tunnels is not None and server.scheme == "https" and not self._is_near(server)

    def plain_proxy(self, server: Origin) -> WebProxy | None:
        """Return the proxy that is sent a request without TLS in place of its server, if any."""
        return self.plain if server.scheme == "http" and not self._is_near(server) else None

    def _is_near(self, server: Origin) -> bool:
        return any(_covers(entry, server) for entry in (*_HERE, *self.direct))

    async def dial(self, server: Origin, trust: ssl.SSLContext | None, patience: float, idle: float) -> peer.Peer:
        """Connect to a server, over TLS where there is a context for it; raise OSError or TimeoutError."""
        if self.tunnels is None or not self.takes_proxy(server):
            return await peer.dial(server, trust, patience, idle)
        async with asyncio.timeout(patience):
            connection = await peer.dial(self.tunnels.server, None, patience, idle)
            try:
                await _pass(connection, server, self.tunnels, patience)
                if trust is not None:
                    await connection.secure(trust, patience, server.host)
            except BaseException:
                connection.abort()
                raise
            return connection


async def _pass(connection: peer.Peer, server: Origin, proxy: WebProxy, patience: float) -> None:
    target = f"{f'[{server.host}]' if ':' in server.host else server.host}:{server.port}"
    fields = [("Host", target)]
    if proxy.authorization:
        fields.append(("Proxy-Authorization", proxy.authorization))
    await connection.send(http1.Head(f"CONNECT {target} HTTP/1.1", 1, tuple(fields)).encode())
    try:
        status = http1.read_response(await connection.head(patience), "CONNECT").status
    except http1.BadMessage:
        raise OSError("the network's proxy sent an answer that cannot be read") from None
    if not 200 <= status < 300:
        raise OSError(f"the network's proxy refuses it with {status}")


def from_environment(env: Mapping[str, str], *, plain: bool = False) -> Network:
    """Read the variables; those for requests without TLS only where `plain`.

    Raises:
        ValueError: a proxy's address cannot be used; names the variable and the remedy.
    """
    exceptions = env.get("no_proxy") or env.get("NO_PROXY") or ""
    direct = tuple(entry.strip().lower() for entry in exceptions.split(",") if entry.strip())
    tunnels, requests = _proxy(env, "HTTPS_PROXY"), _proxy(env, "HTTP_PROXY") if plain else None
    return Network(tunnels, requests, direct) if tunnels or requests else Network()


def _proxy(env: Mapping[str, str], name: str) -> WebProxy | None:
    text = (env.get(name.lower()) or env.get(name) or "").strip()
    if not text:
        return None
    parts = urlsplit(text if "://" in text else f"http://{text}")
    server = origins.origin(parts.scheme, parts.netloc.rpartition("@")[2])
    if server is None or server.scheme != "http":
        raise ValueError(f"{name} is not the address of a proxy; write one like http://host:port.")
    if parts.username is None:
        return WebProxy(server)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return WebProxy(server, "Basic " + base64.b64encode(login.encode()).decode())


def _covers(entry: str, server: Origin) -> bool:
    host, _, port = entry.rpartition(":")
    if port.isdecimal() and host and ":" not in host:
        return int(port) == server.port and _covers(host, server)
    try:
        return ip_address(server.host) in ip_network(entry, strict=False)
    except ValueError:
        name = entry.removeprefix("*").removeprefix(".")
        return entry == "*" or server.host == name or (name != "" and server.host.endswith(f".{name}"))
