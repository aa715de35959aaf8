"""Which requests are for a configured repository, and so get the token of its provider. Everything else gets none."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from amalthea.sidecars.ambiguity import is_ambiguous

DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%\-]+)(?::([0-9]{1,5}))?")


@dataclass(frozen=True)
class Origin:
    """A server as a URL names it. The host is in small letters, an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The host as a `Host` field names it: with the port where that is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def without_www(self) -> "Origin":
        """The same server without `www.`: providers answer under both names."""
        return Origin(self.scheme, self.host.removeprefix("www."), self.port)


@dataclass(frozen=True)
class Repository:
    """A repository by its URL: the server without `www.`, the path's components, and who gives tokens for it."""

    origin: Origin
    path: tuple[str, ...]
    provider: str


def origin(scheme: str, authority: str) -> Origin | None:
    """Read `host` or `host:port`; None if it is neither."""
    read = _AUTHORITY.fullmatch(authority)
    if read is None or scheme not in DEFAULT_PORTS:
        return None
    host, port = read[1].strip("[]").lower(), int(read[2] or DEFAULT_PORTS[scheme])
    return Origin(scheme, host, port) if 0 < port < 65536 else None


def repository(url: str, provider: str) -> Repository | None:
    """Read a repository's URL; None if it is none of HTTP, which is not the proxy's business."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    server = origin(parts.scheme, parts.netloc.rpartition("@")[2])
    path = _components(parts.path.rstrip("/"))
    if server is None or not path or any(map(_is_unusable, path)):
        return None
    return Repository(server.without_www, (*path[:-1], path[-1].removesuffix(".git")), provider)


def provider(repositories: tuple[Repository, ...], server: Origin, target: str) -> str | None:
    """Tell whose token a request gets: that of the repository whose path the target (`/path?query`) begins with.

    Only whole components count, `.git` at a repository's name may be there or not. None: it gets none.
    """
    path = _components(target.partition("?")[0])
    if not target.isascii():
        return None  # no URL holds other characters; servers guess what they mean
    best: Repository | None = None
    for known in repositories:
        if known.origin == server.without_www and _begins(path, known.path):
            best = known if best is None or len(known.path) > len(best.path) else best
    if best is None or any(map(is_ambiguous, path[len(best.path) :])):
        return None  # a server may take it for another repository than we do
    return best.provider


def _is_unusable(component: str) -> bool:
    """Tell whether a configured repository cannot be known for certain by this component. Blanks within it are fine."""
    return component != component.strip() or is_ambiguous(component.replace(" ", "_"))


def _begins(path: tuple[str, ...], start: tuple[str, ...]) -> bool:
    last = len(start) - 1
    return len(path) > last and path[:last] == start[:last] and path[last].removesuffix(".git") == start[last]


def _components(path: str) -> tuple[str, ...]:
    return tuple(unquote(component) for component in path.removeprefix("/").split("/")) if path.strip("/") else ()
