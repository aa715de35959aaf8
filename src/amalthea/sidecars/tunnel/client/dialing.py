"""The way to the server: its address, the network's own proxy, and TLS. Runs on Python 3.6 (`bundle.py`)."""

import asyncio
import base64
import socket
import ssl
from typing import Callable, NamedTuple, Optional
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

DIAL_SECONDS = 20.0
_NEAR = ("localhost", "127.0.0.1", "::1")
_LONGEST_ANSWER = 8 * 1024


class UsageError(ValueError):
    """Something is wrong with the program's arguments. The message names it and the remedy."""


class DialError(OSError):
    """The server cannot be reached. The message says where the way to it ends."""


class Endpoint(NamedTuple):
    """The server's address, and the way to it."""

    host: str
    port: int
    prefix: str
    """The path that leads to it, without a slash at its end."""
    trust: Optional[ssl.SSLContext]
    """The context that checks its certificate; None without TLS."""
    proxy: Optional[SplitResult]
    """The network's own proxy, where there is one."""

    @property
    def authority(self) -> str:
        """Return host and port, as in a header field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.trust else 80
        return host if self.port == usual else f"{host}:{self.port}"


def endpoint(url: str, authorities: Optional[str]) -> Endpoint:
    """Read the server's address; `authorities` is a PEM file with more of them than the system's, or None.

    Raises:
        UsageError: something cannot be used.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise UsageError(f"{url} has no usable port; write https://host/path.") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise UsageError(f"{url} is not an address; write https://host/path.")
    if parts.scheme == "http" and parts.hostname not in _NEAR:
        raise UsageError(f"{url} would send the secret unencrypted; write https://.")
    prefix = "/" + parts.path.strip("/")  # two slashes are another path to some ingresses
    trust = _trust(authorities) if parts.scheme == "https" else None
    return Endpoint(
        parts.hostname, port or (443 if trust else 80), prefix.rstrip("/"), trust, _proxy(parts) if trust else None
    )


def _trust(authorities: Optional[str]) -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.set_alpn_protocols(["http/1.1"])
    # Python 3.13 demands extensions that the authorities of many institutes do not have.
    made.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if authorities:
        try:
            made.load_verify_locations(authorities)
        except OSError as error:
            why = error.strerror or "it contains no certificates"
            raise UsageError(f"{authorities} cannot be used ({why}); name a PEM file.") from None
    return made


def _proxy(server: SplitResult) -> Optional[SplitResult]:
    text = getproxies().get("https", "")
    if not text or server.hostname in _NEAR or proxy_bypass(server.netloc.rpartition("@")[2]):
        return None
    proxy = urlsplit(text if "://" in text else "http://" + text)
    if proxy.scheme != "http" or not proxy.hostname:
        raise UsageError("https_proxy is not the address of a proxy; write one like http://host:port.")
    return proxy


async def dial(loop: asyncio.AbstractEventLoop, to: Endpoint, made: Callable[[], asyncio.Protocol]) -> None:
    """Connect to the server, over TLS where there is a context for it.

    Raises:
        OSError, asyncio.TimeoutError, ssl.CertificateError: that fails.
    """
    await asyncio.wait_for(_dial(loop, to, made), DIAL_SECONDS)


async def _dial(loop: asyncio.AbstractEventLoop, to: Endpoint, made: Callable[[], asyncio.Protocol]) -> None:
    name = to.host if to.trust else None
    if to.proxy is None:
        await loop.create_connection(made, to.host, to.port, ssl=to.trust, server_hostname=name)
        return
    connection = await _through(loop, to.proxy, to)
    try:
        await loop.create_connection(made, sock=connection, ssl=to.trust, server_hostname=name)
    except BaseException:
        connection.close()
        raise


async def _through(loop: asyncio.AbstractEventLoop, proxy: SplitResult, to: Endpoint) -> socket.socket:
    """Return a connection to the server through the proxy."""
    found = await loop.getaddrinfo(proxy.hostname, proxy.port or 3128, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setblocking(False)
        await loop.sock_connect(connection, address)
        await loop.sock_sendall(connection, _connect_request(proxy, to))
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = await loop.sock_recv(connection, 1024)  # the server does not speak first: nothing of it is in here
            answer += data
            if not data or len(answer) > _LONGEST_ANSWER:
                raise DialError("the network's proxy sent an answer that cannot be read")
        status = answer.split(b"\r\n")[0].split(b" ")[1:2]
        if status != [b"200"]:
            raise DialError(f"the network's proxy refuses it with {status!a}")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_request(proxy: SplitResult, to: Endpoint) -> bytes:
    host = f"[{to.host}]" if ":" in to.host else to.host
    target = f"{host}:{to.port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username is not None:
        login = "{}:{}".format(unquote(proxy.username), unquote(proxy.password or ""))
        lines.append("Proxy-Authorization: Basic " + base64.b64encode(login.encode()).decode())
    return "\r\n".join([*lines, "", ""]).encode()
