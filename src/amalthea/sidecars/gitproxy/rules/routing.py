"""The destination of a request, and its form: pure, by the rules for proxies in RFC 9110 and 9112."""

from amalthea.sidecars.gitproxy.rules.matching import Repository
from amalthea.sidecars.http import origins
from amalthea.sidecars.http.http1 import BadMessage, Request
from amalthea.sidecars.http.origins import Origin

_FOR_PROXIES = ("Proxy-Connection", "Proxy-Authorization", "Host")


def tunnel(request: Request) -> Origin:
    """Return the server that a CONNECT is for; raise BadMessage."""
    host, _, port = request.target.rpartition(":")
    server = origins.origin("https", f"{host}:{port}") if host and port else None
    if server is None or request.framing != 0:
        raise BadMessage("CONNECT needs a host and a port, and nothing else.")
    return server


def intercepted(repositories: tuple[Repository, ...], server: Origin) -> bool:
    """Return whether requests to a server are looked at: only where a repository of it is configured."""
    return any(known.origin == server.without_www for known in repositories)


def plain(request: Request) -> tuple[Origin, Request]:
    """Return the server of a request without CONNECT, and the request as that server expects it; raise BadMessage."""
    scheme, separator, rest = request.target.partition("://")
    end = next((place for place, character in enumerate(rest) if character in "/?"), len(rest))
    server = origins.origin("http", rest[:end]) if separator and scheme.lower() == "http" else None
    if server is None:
        raise BadMessage("This is a proxy: it accepts CONNECT, and http:// URLs.")
    path = rest[end:] if rest[end : end + 1] == "/" else f"/{rest[end:]}"
    return server, request.to(path).without(*_FOR_PROXIES).with_field("Host", server.authority)


def within(request: Request, server: Origin) -> Request:
    """Return a request from within a tunnel to a server; raise BadMessage if it is for another one."""
    if request.method == "CONNECT":
        raise BadMessage("A tunnel cannot be opened within a tunnel.", 405)
    if not request.target.startswith("/"):
        raise BadMessage("The target has to be a path.")
    hosts = request.values("host")
    if len(hosts) != 1 or origins.origin(server.scheme, hosts[0]) != server:
        raise BadMessage("The host is not that of the connection.", 421)
    return request
