"""A client of the lab's API servers in a few lines of the standard library: for set-up and for tests.

It opens a connection per request, which is slow and simple; the operator has a client of its own.
"""

import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.base.pki import KeyPair

TIMEOUT = 30.0


class ApiError(Exception):
    """The server answered with a status of 400 or more; the text is its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class Api:
    """One server that speaks HTTPS and asks for a client certificate, as one user."""

    url: str
    authority: Path
    pair: KeyPair

    def get(self, path: str) -> dict[str, Any]:
        """Return what the server holds at `path`; raise ApiError, or OSError if it cannot be reached."""
        return self._object("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create `body` in the collection at `path` and return what the server made of it."""
        return self._object("POST", path, body, "application/json")

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Apply a JSON merge patch (`/status` at the end of the path patches the status)."""
        return self._object("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str) -> dict[str, Any]:
        """Delete the object at `path` with the server's default propagation."""
        return self._object("DELETE", path)

    def healthy(self, path: str) -> bool:
        """Return whether the server answers `path` (such as `/readyz`) with success."""
        try:
            self._send("GET", path)
        except (ApiError, OSError, http.client.HTTPException):
            return False
        return True

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield an ADDED event for each object in the collection at `path`, then every change, until the server ends.

        Raise ApiError, or OSError and HTTPException when the connection breaks.
        """
        connection = self._connection(timeout=None)
        try:
            connection.request("GET", f"{path}?watch=true")
            response = connection.getresponse()
            if response.status >= 400:
                raise ApiError(response.status, _message(response.read().decode()))
            for line in response:
                yield json.loads(line)
        finally:
            connection.close()

    def _object(
        self, method: str, path: str, body: dict[str, Any] | None = None, content_type: str = ""
    ) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._send(method, path, body, content_type))
        return answer

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None, content_type: str = "") -> str:
        connection = self._connection(TIMEOUT)
        try:
            headers = {"Content-Type": content_type} if content_type else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status >= 400:
            raise ApiError(response.status, _message(text))
        return text

    def _connection(self, timeout: float | None) -> http.client.HTTPSConnection:
        target = urlsplit(self.url)
        return http.client.HTTPSConnection(target.hostname or "", target.port, context=self._context, timeout=timeout)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.pair.certificate, self.pair.key)
        return context


def _message(text: str) -> str:
    """Return the message of a Kubernetes Status object, or the text itself where it is not one."""
    try:
        answer = json.loads(text)
    except ValueError:
        return text.strip()
    return str(answer.get("message", text)) if isinstance(answer, dict) else text
