"""The fake FirecREST and token issuer over HTTP: for programs that run by themselves."""

from collections.abc import Mapping
from typing import Self

from aiohttp import web

from amalthea.remote.errors import Unavailable
from amalthea.remote.requests.exchange import Exchange
from amalthea.sidecars.http.messages import Answer, Body, Question

_MAX_BODY = 16 * 1024 * 1024


class ServedExchange:
    """Serves what implements `Exchange`, by the first part of the path; `async with` it, then ask at `url`.

    An answer that never comes breaks the connection off.
    """

    def __init__(self, exchanges: Mapping[str, Exchange], port: int = 0, address: str = "127.0.0.1") -> None:
        self._exchanges = exchanges
        self._address, self._port = address, port
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://{self._address}:{self._port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        content = await request.read()
        body = Body(content, request.headers.get("Content-Type", "")) if content else None
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        query = tuple((name, value) for name, value in request.query.items())
        question = Question(request.method, f"{self.url}{request.rel_url.raw_path}", query, body, bearer)
        try:
            answer = await self._exchange(request.path)(question)
        except Unavailable:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        headers = {"Retry-After": f"{answer.retry_after:.0f}"} if answer.retry_after is not None else {}
        return web.Response(status=answer.status, body=answer.body, content_type="application/json", headers=headers)

    def _exchange(self, path: str) -> Exchange:
        first = path.split("/")[1]
        return self._exchanges.get(first, _nothing)


async def _nothing(question: Question) -> Answer:
    return Answer(404, f"nothing is at {question.url}".encode())
