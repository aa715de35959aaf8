"""Servers by their origin, and the redirect rule of all that send a secret: followed within one origin only.

Dropping the secret and following would be safe, too, but useless: the answer depends on the secret. Pure.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

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


def origin(scheme: str, authority: str) -> Origin | None:
    """Read `host` or `host:port`; None if it is neither."""
    read = _AUTHORITY.fullmatch(authority)
    if read is None or scheme not in DEFAULT_PORTS:
        return None
    host, port = read[1].strip("[]").lower(), int(read[2] or DEFAULT_PORTS[scheme])
    return Origin(scheme, host, port) if 0 < port < 65536 else None


def of_url(url: str) -> Origin | None:
    """Return the origin of a URL (RFC 6454); None if it has no plain one. User information is not plain either.

    Programs disagree on where user information ends.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return origin(parts.scheme, parts.netloc)


def same_origin(one: str, other: str) -> bool:
    """Return whether two URLs have the same scheme, host and port. False if either has no plain origin."""
    first = of_url(one)
    return first is not None and first == of_url(other)
