"""The state that all conversations of a git proxy share: its repositories, their tokens, and the CAs that it trusts."""

import logging
import ssl
from dataclasses import dataclass, field

from amalthea.sidecars.clear_text import ClearText
from amalthea.sidecars.gitproxy.rules import matching
from amalthea.sidecars.gitproxy.rules.matching import Repository
from amalthea.sidecars.gitproxy.tokens import Tokens
from amalthea.sidecars.http.http1 import Response
from amalthea.sidecars.http.network import Network
from amalthea.sidecars.http.origins import Origin

_MOST_RENAMED = 100

log = logging.getLogger("gitproxy")


@dataclass(frozen=True)
class Site:
    """The state that all conversations share."""

    repositories: tuple[Repository, ...]
    tokens: Tokens
    trust: ssl.SSLContext
    """Whose certificates are believed."""
    network: Network = field(default_factory=Network)
    clear_text: ClearText = field(default_factory=ClearText)
    """Hosts that may get tokens without TLS."""
    dial_seconds: float = 20.0
    idle_seconds: float = 600.0
    """Seconds of silence that are tolerated where something must come."""
    renamed: list[Repository] = field(default_factory=list)
    """Repositories under the new names to which their servers have sent git on."""

    @property
    def known(self) -> tuple[Repository, ...]:
        """All repositories for which there are tokens."""
        return (*self.repositories, *self.renamed)

    def learn(self, server: Origin, target: str, response: Response) -> None:
        """Take in that a server redirects a request for a repository to its new name, on the same server."""
        for location in response.values("location")[:1] if len(self.renamed) < _MOST_RENAMED else ():
            renamed = matching.renamed(self.known, server, target, location)
            if renamed is not None and renamed not in self.known:
                self.renamed.append(renamed)
                log.info("a repository was renamed", extra={"host": server.host, "path": "/".join(renamed.path)})
