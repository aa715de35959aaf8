"""The hosts that may get a secret without TLS: those that the administrators list, and no others."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class ClearText:
    """Hosts, each with a port or for any port: `git.lab.internal`, `10.0.0.7:8080`."""

    hosts: frozenset[str] = frozenset()

    def allows(self, address: str) -> bool:
        """Return whether a secret may go to this address: it is https, or http to a listed host."""
        try:
            url = urlsplit(address)
            port = 80 if url.port is None else url.port
        except ValueError:
            return False
        if url.scheme == "https":
            return True
        host = url.hostname or ""
        bracketed = f"[{host}]" if ":" in host else host
        return url.scheme == "http" and not self.hosts.isdisjoint((host, bracketed, f"{bracketed}:{port}"))


def parse(text: str) -> ClearText:
    """Read the list; nothing in it means that no host is allowed."""
    return ClearText(frozenset(host.strip().lower() for host in text.split(",") if host.strip()))
