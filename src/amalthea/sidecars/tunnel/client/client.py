"""The client of the tunnel: it runs beside a session on another machine, and dials in to the session's pod.

    client.py --secret-file secrets/tunnel --reverse 8888:8888 --forward 0:65480 --ports-file ports \
        https://renku.example.org/sessions/NAME/__amalthea__/tunnel

It ends on SIGTERM only. Connections that are lost are made again. Runs on Python 3.6, as one file (`bundle.py`).
"""

import argparse
import asyncio
import random
import signal
import ssl
import sys
import time
from typing import Any, Coroutine, Dict, List, NamedTuple, Optional, Set, Tuple

from amalthea.sidecars.tunnel.client.arguments import parse_flags, parse_pair, take_secret, write_whole
from amalthea.sidecars.tunnel.client.claim import claim
from amalthea.sidecars.tunnel.client.dialing import Endpoint, UsageError, dial, endpoint
from amalthea.sidecars.tunnel.client.request import RefusedError, Request, forward, reverse
from amalthea.sidecars.tunnel.memory import close_to_others, keep
from amalthea.sidecars.tunnel.wire.halves import Stream

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
"""Seconds between two attempts."""
LASTING_SECONDS = 5.0
"""A request that has waited for so long was not refused: an ingress ends what rests, or the server starts again."""
_FORWARD_SECONDS = 300.0
"""Seconds that a program on this machine waits for the server."""
_TARGET_SECONDS = 10.0
_GOODBYE_SECONDS = 2.0
_MOST = 256
"""Connections; the server lets in no more."""
_FAILURES = (OSError, asyncio.TimeoutError, ssl.CertificateError, RefusedError)


class Ports(NamedTuple):
    """Two ports that belong together."""

    near: int
    """On this machine."""
    far: int
    """In the session's pod."""


class Client:
    """All that one program holds open."""

    def __init__(self, loop: asyncio.AbstractEventLoop, to: Endpoint, secret: str) -> None:
        self.loop = loop
        self._to = to
        self._secret = secret
        self._tasks: Set[Any] = set()
        self._servers: List[Any] = []
        self._open: Set[Request] = set()
        self._reported = ""

    def start(self, task: Coroutine[Any, Any, None]) -> None:
        """Run something that `stop` ends."""
        made = self.loop.create_task(task)
        self._tasks.add(made)
        made.add_done_callback(self._tasks.discard)

    async def _ask(self, claims: Dict[str, Any]) -> Request:
        """Return a request once it is let in, which may take forever; raise one of `_FAILURES`."""
        request = Request(self.loop, self._to, self._secret, claims)
        try:
            await dial(self.loop, self._to, lambda: request)
            await request.answered
        except BaseException:
            request.abort()
            raise
        return request

    async def receive(self, ports: Ports) -> None:
        """Keep a request waiting for connections to the far port, and lead each of them to the near one."""
        pause = FIRST_PAUSE
        while True:
            begun = time.monotonic()
            try:
                request = await self._ask(reverse(ports.far))
            except _FAILURES as error:
                lasted = time.monotonic() - begun >= LASTING_SECONDS
                if not lasted:
                    self._report(f"the tunnel is not open: {_why(error)}")
                pause = FIRST_PAUSE if lasted else min(2 * pause, LONGEST_PAUSE)
                await asyncio.sleep(0 if lasted else pause * random.uniform(0.5, 1))  # noqa: S311  (not a secret)
            else:
                pause = FIRST_PAUSE
                self.start(self._lead(request, ports.near))

    async def _lead(self, request: Request, port: int) -> None:
        stream = Stream(self.loop)
        try:
            dialled = self.loop.create_connection(lambda: stream, "127.0.0.1", port)
            await asyncio.wait_for(dialled, _TARGET_SECONDS)
        except (OSError, asyncio.TimeoutError) as error:
            self._report(f"the session does not answer at port {port}: {_why(error)}")
            request.abort()
        else:
            self._join(request, stream)

    async def offer(self, ports: Ports) -> Ports:
        """Listen at the near port, any free one for 0, for connections to the far one; return both."""

        def arrive() -> Stream:
            stream = Stream(self.loop)
            if len(self._open) + len(self._tasks) < _MOST:
                self.start(self._forward(stream, ports.far))
            else:
                self.loop.call_soon(stream.abort)
            return stream

        server = await self.loop.create_server(arrive, "127.0.0.1", ports.near)
        self._servers.append(server)
        listener: Any = server.sockets
        return Ports(listener[0].getsockname()[1], ports.far)

    async def _forward(self, stream: Stream, port: int) -> None:
        pause, deadline = FIRST_PAUSE, time.monotonic() + _FORWARD_SECONDS
        while time.monotonic() < deadline:
            try:
                request = await self._ask(forward(port))
            except _FAILURES as error:  # noqa: PERF203  (it waits for the network)
                self._report(f"port {port} of the session's pod cannot be reached: {_why(error)}")
                pause = min(2 * pause, LONGEST_PAUSE)
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  (not a secret)
            else:
                self._join(request, stream)
                return
        stream.abort()

    def _join(self, request: Request, stream: Stream) -> None:
        if request.is_gone or stream.is_gone:
            stream.abort()
            request.abort()
            return
        self._report("")
        self._open.add(request)
        request.gone = lambda: self._open.discard(request)
        request.join(stream, request.take_rest())

    def _report(self, what: str) -> None:
        """Log a state once: what goes on for an hour is one line."""
        if what != self._reported:
            sys.stderr.write("tunnel: {}\n".format(what or "open again"))
            sys.stderr.flush()
        self._reported = what

    async def stop(self) -> None:
        """End, and notify open connections."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        leaving = [self._end(request) for request in list(self._open)]
        if leaving:
            await asyncio.wait(leaving, timeout=_GOODBYE_SECONDS)

    def _end(self, request: Request) -> Any:  # noqa: ANN401  (Python 3.6 cannot say Future[None])
        """End a request in order; return what is done when its connection is gone."""
        gone = self.loop.create_future()
        request.gone = lambda: gone.set_result(None)
        request.leave(whole=True)
        request.finish()
        return gone


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the client until SIGTERM; return the exit code: 0 then, 2 if something it was given cannot be used."""
    loop = asyncio.new_event_loop()
    try:
        close_to_others()
        keep()
        return loop.run_until_complete(_run(loop, parse_flags(arguments)))
    except UsageError as error:
        sys.stderr.write(f"tunnel: {error}\n")
        return 2
    finally:
        loop.close()


async def _run(loop: asyncio.AbstractEventLoop, given: argparse.Namespace) -> int:
    claims: List[Any] = []  # open as long as this runs
    reversed_ = [_near(parse_pair(text), claims) for text in given.reverse]
    forwarded = [parse_pair(text) for text in given.forward]
    client = Client(loop, endpoint(given.url, given.ca_file), take_secret(given.secret_file))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        offered = [await client.offer(Ports(near, far)) for near, far in forwarded]
    except OSError as error:
        raise UsageError(f"A port of --forward is taken ({error}); write 0 for a free one.") from None
    if given.ports_file:
        write_whole(given.ports_file, "".join(f"{ports.far} {ports.near}\n" for ports in reversed_ + offered))
    for ports in reversed_:
        for _ in range(given.waiting):
            client.start(client.receive(ports))
    await stopped.wait()
    await client.stop()
    return 0


def _near(reverse: Tuple[int, int], claims: List[Any]) -> Ports:
    """Return the ports of --reverse, with a free one for 0."""
    far, near = reverse
    if not near:
        near, held = claim()
        claims.append(held)
    return Ports(near, far)


if __name__ == "__main__":
    sys.exit(main())
