"""Outgoing connections: to a server directly, or through the network's own proxy, as HTTPS_PROXY and NO_PROXY say.

The variables are read as curl reads them. Only what goes over TLS, and what is a tunnel already, takes the proxy.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from amalthea.sidecars.gitproxy.rules import matching
from amalthea.sidecars.gitproxy.rules.matching import Origin
from amalthea.sidecars.gitproxy.settings import SettingsError
from amalthea.sidecars.http import http1, peer

_HERE = ("localhost", "127.0.0.0/8", "::1")


@dataclass(frozen=True)
class Network:
    """The way to servers. Without a proxy each is dialled directly."""

    proxy: Origin | None = None
    authorization: str = field(default="", repr=False)
    """The credentials that the proxy wants, if any."""
    direct: tuple[str, ...] = ()
    """Names of hosts and domains, addresses and ranges that are reached without it; with a port or not."""

    def takes_proxy(self, server: Origin) -> bool:
        """Return whether a server is reached through the proxy."""
        wanted = self.proxy is not None and server.scheme == "https"
        return wanted and not any(_covers(entry, server) for entry in (*_HERE, *self.direct))

    async def dial(self, server: Origin, trust: ssl.SSLContext | None, patience: float, idle: float) -> peer.Peer:
        """Connect to a server, over TLS where there is a context for it; raise OSError or TimeoutError."""
        if self.proxy is None or not self.takes_proxy(server):
            return await peer.dial(server, trust, patience, idle)
        async with asyncio.timeout(patience):
            connection = await peer.dial(self.proxy, None, patience, idle)
            try:
                await self._pass(connection, server, patience)
                if trust is not None:
                    await connection.secure(trust, patience, server.host)
            except BaseException:
                connection.abort()
                raise
            return connection

    async def _pass(self, connection: peer.Peer, server: Origin, patience: float) -> None:
        target = f"{f'[{server.host}]' if ':' in server.host else server.host}:{server.port}"
        fields = [("Host", target)]
        if self.authorization:
            fields.append(("Proxy-Authorization", self.authorization))
        await connection.send(http1.Head(f"CONNECT {target} HTTP/1.1", 1, tuple(fields)).encode())
        try:
            status = http1.read_response(await connection.head(patience), "CONNECT").status
        except http1.BadMessage:
            raise OSError("the network's proxy sent an answer that cannot be read") from None
        if not 200 <= status < 300:
            raise OSError(f"the network's proxy refuses it with {status}")


def from_environment(env: Mapping[str, str]) -> Network:
    """Read the variables.

    Raises:
        SettingsError: the proxy's address cannot be used.
    """
    text = (env.get("https_proxy") or env.get("HTTPS_PROXY") or "").strip()
    exceptions = env.get("no_proxy") or env.get("NO_PROXY") or ""
    direct = tuple(entry.strip().lower() for entry in exceptions.split(",") if entry.strip())
    if not text:
        return Network()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    proxy = matching.origin(parts.scheme, parts.netloc.rpartition("@")[2])
    if proxy is None or proxy.scheme != "http":
        raise SettingsError("HTTPS_PROXY is not the address of a proxy; write one like http://host:port.")
    return Network(proxy, _credentials(parts), direct)


def _credentials(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(login.encode()).decode()


def _covers(entry: str, server: Origin) -> bool:
    host, _, port = entry.rpartition(":")
    if port.isdecimal() and host and ":" not in host:
        return int(port) == server.port and _covers(host, server)
    try:
        return ip_address(server.host) in ip_network(entry, strict=False)
    except ValueError:
        name = entry.removeprefix("*").removeprefix(".")
        return entry == "*" or server.host == name or (name != "" and server.host.endswith(f".{name}"))
