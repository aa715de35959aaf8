"""A client's connection to an API server in the same process: no sockets, and time as a test's clock has it.

Whatever is refused reaches the operator as the same error as over HTTP, by the same code. A request that gets no answer
in time takes the time limit of the real transport, on the test's clock.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from amalthea.engine.clock import time_limit
from amalthea.engine.ports import Clock
from amalthea.kube import errors
from amalthea.kube.auth.config import Config
from amalthea.kube.errors import ErrorDetails
from amalthea.kube.transport import TIME_LIMIT, Request, Transport
from amalthea.testing.api_server import verbs
from amalthea.testing.api_server.objects import Happened, Objects, Refusal
from amalthea.testing.api_server.verbs import Wanted

BOOKMARKS = 60.0
"""Seconds after which a watch without news brings a bookmark."""


@dataclass(frozen=True)
class Answer:
    """The fate of a request instead of what it asks for."""

    code: int
    """The status; 0 for no answer."""
    reason: str = ""
    message: str = ""
    causes: tuple[dict[str, str], ...] = ()
    retry_after: str | None = None
    acts: bool = False
    """Whether the server does what is asked for, all the same."""
    hangs: bool = False
    """Whether nothing comes until the client's time is over."""
    refused: bool = False
    """Whether nobody takes the connection."""
    page: bytes = b""
    """What is answered, as if all were well, by somebody else than the API server."""


@dataclass(frozen=True)
class Sent:
    """A request, and when (monotonic) it was sent."""

    at: float
    request: Wanted
    body: bytes


Fault = Callable[[Wanted, bytes], Answer | None]


class Wire(Transport):
    """Brings requests to `objects`; `fault` may answer instead."""

    def __init__(self, objects: Objects, clock: Clock) -> None:
        super().__init__(Config(server="http://in-this-process"))
        self.fault: Fault = lambda *_: None
        self.sent: list[Sent] = []
        self._objects = objects
        self._clock = clock
        self._watches: list[tuple[Wanted, asyncio.Queue[bytes]]] = []
        objects.listeners.append(self._notify)

    async def send(self, request: Request) -> bytes:
        wanted, body = self._note(request)
        await asyncio.sleep(0)
        if (answer := self.fault(wanted, body)) is not None:
            if answer.page:
                return answer.page
            await self._fail(request, wanted, body, answer)
        return self._do(request, wanted, body)

    @asynccontextmanager
    async def stream(self, request: Request, silence: float) -> AsyncIterator[AsyncIterator[bytes]]:  # noqa: ARG002
        wanted, body = self._note(request)
        lines: asyncio.Queue[bytes] = asyncio.Queue()
        if (answer := self.fault(wanted, body)) is not None:
            if not answer.page:
                await self._fail(request, wanted, body, answer)
            for line in (answer.page + b"\n", b""):
                lines.put_nowait(line)
        for line in verbs.initial(self._objects, wanted):
            lines.put_nowait(line)
        watch = (wanted, lines)
        self._watches.append(watch)
        try:
            yield self._lines(lines)
        finally:
            self._watches.remove(watch)

    def hang_up(self) -> None:
        """End all watches, as a server does that is stopped."""
        for _, lines in self._watches:
            lines.put_nowait(b"")

    async def _lines(self, lines: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
        while True:
            try:
                async with time_limit(self._clock, BOOKMARKS):
                    line = await lines.get()
            except TimeoutError:
                line = verbs.line("BOOKMARK", {"metadata": {"resourceVersion": str(self._objects.version)}})
            if not line:
                return
            yield line

    async def _fail(self, request: Request, wanted: Wanted, body: bytes, answer: Answer) -> None:
        if answer.acts:
            self._do(request, wanted, body)
        if answer.hangs:
            await self._clock.sleep(TIME_LIMIT)
            raise errors.unreachable(str(request), TimeoutError())
        if answer.refused:
            raise errors.NotConnected(ErrorDetails(0, "Unreachable", "connection refused"), str(request))
        if not answer.code:
            raise errors.unreachable(str(request), ConnectionResetError("Connection reset by peer"))
        raise errors.from_answer(str(request), answer.code, _status(answer), answer.retry_after)

    def _do(self, request: Request, wanted: Wanted, body: bytes) -> bytes:
        try:
            return msgspec.json.encode(verbs.do(self._objects, wanted, body))
        except Refusal as refusal:
            answer = Answer(refusal.code, refusal.reason, str(refusal))
            raise errors.from_answer(str(request), refusal.code, _status(answer)) from None

    def _note(self, request: Request) -> tuple[Wanted, bytes]:
        wanted = verbs.wanted(request.method, request.path, dict(request.query or {}), request.content_type)
        body = request.body or b""
        self.sent.append(Sent(self._clock.monotonic(), wanted, body))
        return wanted, body

    def _notify(self, change: Happened) -> None:
        for wanted, lines in self._watches:
            if verbs.concerns(wanted, change.kind, change.object):
                lines.put_nowait(verbs.line(change.type, change.object))


def _status(answer: Answer) -> bytes:
    body: dict[str, Any] = {"kind": "Status", "code": answer.code, "reason": answer.reason, "message": answer.message}
    return msgspec.json.encode({**body, "details": {"causes": answer.causes}})


async def at_rest() -> None:
    """Return as soon as no task of this event loop can go on without time passing."""
    ready: Any = asyncio.get_running_loop().__dict__["_ready"]
    while ready:  # noqa: ASYNC110 (there is no event for it)
        await asyncio.sleep(0)
