"""The token issuer in the test's own process: of Renku's pair, which rotates, and of the cluster's tokens.

It implements `remote.exchange.Exchange` for the two addresses below.
"""

import base64
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import msgspec

from amalthea.sidecars.http.messages import Answer, Question

RENKU = "https://renku.example.org/renew"
"""The address at which Renku's pair is renewed."""
CLUSTER = "https://renku.example.org/token"
"""The address that issues the cluster's token, for a pair or for a client."""


def jwt(ends: float, name: str) -> str:
    """Return a JSON web token with this end (seconds since 1970); `name` makes it differ from others."""
    parts = ({"alg": "none"}, {"exp": ends, "jti": name})
    encoded = [base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=").decode() for part in parts]
    return ".".join((*encoded, "signature"))


@dataclass
class FakeIssuer:
    """Issues tokens. `now` returns seconds since 1970; lives are in seconds."""

    now: Callable[[], float]
    access_life: float = 900.0
    refresh_life: float = 3600.0
    cluster_life: float = 300.0
    opaque: bool = False
    """Whether the cluster's tokens are not JWTs, so that only `expires_in` says when they end."""
    access: str = ""
    refresh: str = ""
    cluster: dict[str, float] = field(default_factory=dict)
    """The cluster's tokens, with their ends."""
    renewals: int = 0
    given: int = 0
    client_secret: str = field(default="client's secret", repr=False)
    """The secret of the client `client`."""
    away: Answer | None = None
    """Its answer instead."""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def begin(self) -> tuple[str, str]:
        """Return a new pair, access and refresh token, as a session's Secret has it."""
        self.access = jwt(self.now() + self.access_life, f"access-{next(self._numbers)}")
        self.refresh = jwt(self.now() + self.refresh_life, f"refresh-{next(self._numbers)}")
        return self.access, self.refresh

    def ends(self, token: str) -> float | None:
        """Return when a token for the cluster ends; None if it is not one of them."""
        return self.cluster.get(token)

    async def __call__(self, question: Question) -> Answer:
        """Answer a question."""
        if self.away is not None:
            return self.away
        form = parse_qs(question.body.content.decode()) if question.body else {}
        if urlsplit(question.url).path == "/renew":
            return self._renew(form)
        client = form.get("client_secret") == [self.client_secret] and form.get("client_id") == ["client"]
        if not client and (question.bearer != self.access or self._ended(self.access)):
            return Answer(401)
        return self._give()

    def _renew(self, form: dict[str, list[str]]) -> Answer:
        if form.get("refresh_token") != [self.refresh] or self._ended(self.refresh):
            return Answer(401)
        self.renewals += 1
        access, refresh = self.begin()
        return Answer(200, msgspec.json.encode({"access_token": access, "refresh_token": refresh}))

    def _give(self) -> Answer:
        self.given += 1
        ends, name = self.now() + self.cluster_life, f"cluster-{self.given}"
        token = name if self.opaque else jwt(ends, name)
        self.cluster[token] = ends
        return Answer(200, msgspec.json.encode({"access_token": token, "expires_in": self.cluster_life}))

    def _ended(self, token: str) -> bool:
        payload = token.split(".")[1]
        content = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return bool(content["exp"] <= self.now())
