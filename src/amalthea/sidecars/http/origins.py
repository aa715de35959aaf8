"""The redirect rule of all programs here that send a secret: followed within one origin, and refused elsewhere.

Dropping the secret and following would be safe, too, but useless: the answer depends on the secret. Pure.
"""

import re
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_PLAIN_AUTHORITY = re.compile(r"[A-Za-z0-9._~\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


def same_origin(one: str, other: str) -> bool:
    """Return whether two URLs have the same scheme, host and port (RFC 6454). False if either has no plain one."""
    first = _origin(one)
    return first is not None and first == _origin(other)


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not _PLAIN_AUTHORITY.fullmatch(parts.netloc):
        return None  # also user information: programs disagree on where it ends
    return parts.scheme, (parts.hostname or ""), _PORTS[parts.scheme] if port is None else port
