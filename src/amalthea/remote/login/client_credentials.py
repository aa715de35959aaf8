"""Tokens for a client with an ID and a secret of its own (OAuth 2.0, RFC 6749, section 4.4)."""

from dataclasses import dataclass, field

import msgspec

from amalthea.remote.clock import Clock
from amalthea.remote.login import tokens
from amalthea.remote.login.tokens import Token
from amalthea.remote.requests.exchange import Exchange
from amalthea.sidecars.http.messages import Question, as_form

_REMEDY = "Check the client's ID and secret."


class _Given(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


@dataclass(frozen=True)
class ClientCredentials:
    """Implements `tokens.Giver`: a form to the token URI."""

    exchange: Exchange
    clock: Clock
    uri: str
    client_id: str
    client_secret: str = field(repr=False)

    async def __call__(self) -> Token:
        """Ask for a token; raise Unavailable or Refused."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        answer = await self.exchange(Question("POST", self.uri, body=as_form(form)))
        given = tokens.read(answer, _Given, "The token server", _REMEDY)
        return tokens.received(given.access_token, given.expires_in, self.clock.now().timestamp(), "The token server")
