"""Asks a program of the same pod whether it answers: one request, of whose answer only the status is read."""

from amalthea.sidecars.http import http1, peer
from amalthea.sidecars.http.origins import Origin


async def status(server: Origin, target: str, authority: str, seconds: float) -> int:
    """Return the status of the answer to a GET; `authority` is for the field `Host`.

    Raises:
        OSError, TimeoutError: there is no answer within so many seconds for each step.
        BadMessage: it cannot be read.
    """
    request = http1.Head(f"GET {target} HTTP/1.1", 1, (("Host", authority), ("Connection", "close")))
    connection = await peer.dial(server, None, seconds, seconds)
    try:
        await connection.send(request.encode())
        while (answer := http1.read_response(await connection.head(seconds), "GET").status) < 200:
            pass  # only an interim one
        return answer
    finally:
        connection.abort()
