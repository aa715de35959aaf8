"""The address at which a job finds the tunnel's entry: the session's own. Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from amalthea.remote.errors import Refused

_PATH = "/__amalthea__/tunnel"
_PORTS = {"http": 80, "https": 443}


def tunnel(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say so; none where RENKU_BASE_URL is not set.

    Raises:
        Refused: it is not an address.
    """
    if not (base := env.get("RENKU_BASE_URL")):
        return {}
    try:
        url = urlsplit(base)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    if url.scheme not in _PORTS or not url.hostname:
        raise Refused("RENKU_BASE_URL is not an address; write one that begins with https://.")
    return {
        "WSTUNNEL_SERVICE_ADDRESS": f"[{url.hostname}]" if ":" in url.hostname else url.hostname,
        "WSTUNNEL_SERVICE_PORT": str(port or _PORTS[url.scheme]),
        "WSTUNNEL_SERVICE_SCHEME": url.scheme,
        "WSTUNNEL_PATH_PREFIX": env.get("RENKU_BASE_URL_PATH", "").removesuffix("/") + _PATH,
    }
