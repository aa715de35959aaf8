"""An HTTP request and its answer, as data. `http.py` sends it over the network, `amalthea.testing` within a test."""

import hashlib
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, urlencode

import msgspec

from amalthea.remote.errors import Unavailable

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer that are read: FirecREST's own bound is 5 MiB, and JSON may write a byte as several."""


@dataclass(frozen=True)
class Body:
    """The body of a request."""

    content: bytes = field(repr=False)
    type: str


@dataclass(frozen=True)
class Question:
    """A request."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    body: Body | None = None
    bearer: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """The URL with its query, percent-encoded."""
        return self.url + (f"?{urlencode(self.query, quote_via=quote)}" if self.query else "")


@dataclass(frozen=True)
class Answer:
    """The answer. `retry_after` is in seconds, None where the server named no such time."""

    status: int
    body: bytes = field(default=b"", repr=False)
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Return whether it is a 2xx."""
        return 200 <= self.status < 300


class Exchange(Protocol):
    """Asks once, within its own time limit.

    Raises:
        Unavailable: there is no whole answer.
    """

    async def __call__(self, question: Question) -> Answer: ...


def as_json(value: object) -> Body:
    """Return a body of JSON."""
    return Body(msgspec.json.encode(value), "application/json")


def as_form(fields: dict[str, str]) -> Body:
    """Return a body as a form sends it."""
    return Body(urlencode(fields).encode(), "application/x-www-form-urlencoded")


def as_upload(name: str, content: bytes) -> Body:
    """Return a multipart body with the one field `file`, of this file name (plain ASCII)."""
    boundary = hashlib.sha256(content).hexdigest()  # no content holds its own hash
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    kind = "Content-Type: application/octet-stream\r\n\r\n"
    whole = (head + kind).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return Body(whole, f"multipart/form-data; boundary={boundary}")


def read_retry_after(value: str | None) -> float | None:
    """Return the seconds of a `Retry-After` field; None for a date, or for anything that is not a number."""
    return float(value) if value is not None and value.isascii() and value.isdigit() else None


def unreadable(what: str) -> Unavailable:
    """Return the error for an answer that is not what it should be."""
    return Unavailable(f"{what} sent an answer that cannot be read.")
