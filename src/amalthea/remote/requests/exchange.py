"""Asks a service, as data in and out. `http.py` does it over the network, `amalthea.testing` within a test."""

import hashlib
from typing import Protocol

import msgspec

from amalthea.remote.errors import Unavailable
from amalthea.sidecars.http.messages import Answer, Body, Question

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer that are read: FirecREST's own bound is 5 MiB, and JSON may write a byte as several."""


class Exchange(Protocol):
    """Asks once, within its own time limit.

    Raises:
        Unavailable: there is no whole answer.
    """

    async def __call__(self, question: Question) -> Answer: ...


def as_json(value: object) -> Body:
    """Return a body of JSON."""
    return Body(msgspec.json.encode(value), "application/json")


def as_upload(name: str, content: bytes) -> Body:
    """Return a multipart body with the one field `file`, of this file name (plain ASCII)."""
    boundary = hashlib.sha256(content).hexdigest()  # no content holds its own hash
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    kind = "Content-Type: application/octet-stream\r\n\r\n"
    whole = (head + kind).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return Body(whole, f"multipart/form-data; boundary={boundary}")


def unreadable(what: str) -> Unavailable:
    """Return the error for an answer that is not what it should be."""
    return Unavailable(f"{what} sent an answer that cannot be read.")
