"""Requests to sessions at names below .localhost, which mean this machine.

Browsers and curl know that; the resolver that Python asks need not, so none is asked.
"""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT = 5.0


@dataclass(frozen=True)
class Answer:
    """The answer; `status` is 0 if there was none, and `body` then says why."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        """Return whether it is a page, or leads to one."""
        return http.HTTPStatus.OK <= self.status < http.HTTPStatus.BAD_REQUEST


def with_port(url: str, port: int) -> str:
    """Return `url` with the port at which this machine serves it."""
    parts = urlsplit(url)
    return url if port == http.client.HTTP_PORT else parts._replace(netloc=f"{parts.hostname}:{port}").geturl()


def ask(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    to: str = "127.0.0.1",
) -> Answer:
    """Send one request to this machine, or to another address, and return the answer; redirections are not followed."""
    parts = urlsplit(url)
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    connection = http.client.HTTPConnection(to, parts.port or http.client.HTTP_PORT, timeout=TIMEOUT)
    try:
        connection.request(method, target, body, {"Host": parts.netloc, **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, response.read(), dict(response.headers.items()))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, str(error).encode())
    finally:
        connection.close()
