"""Requests over real connections: `sidecars/http/client.py`, with the limits that FirecREST needs."""

import ssl
from typing import Self

from amalthea.remote.errors import Unavailable
from amalthea.remote.requests.exchange import MAX_ANSWER
from amalthea.sidecars.http.client import HttpClient, Limits, NoAnswer
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.sidecars.http.network import Network

TIME_LIMIT = 30.0
"""Seconds for a question and its whole answer: FirecREST gives each command on the cluster 5 s, and a few for ssh."""
_KEEP = 15.0


class HttpExchange:
    """Implements `Exchange`."""

    def __init__(self, trust: ssl.SSLContext, network: Network, time_limit: float = TIME_LIMIT) -> None:
        self._client = HttpClient(trust, network, Limits(total=time_limit, body=MAX_ANSWER, keep=_KEEP))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.close()

    async def __call__(self, question: Question) -> Answer:
        """Ask; raise Unavailable where there is no whole answer."""
        try:
            return await self._client(question)
        except NoAnswer as error:
            raise Unavailable(str(error)) from None
