"""The heads of HTTP/1.1 messages, read strictly: two programs that read one message differently can be exploited.

Pure: bytes in, values out. RFC 9110 (fields), RFC 9112 (messages and their lengths).
"""

import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Fields: TypeAlias = tuple[tuple[str, str], ...]
Framing: TypeAlias = int | Literal["chunked", "until close"]
"""The length of a body: so many bytes, in chunks, or all until the connection closes."""

MAX_HEAD = 64 * 1024
END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([!-~\x80-\xff]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t -~\x80-\xff]*))?")
_FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
_SEPARATOR = re.compile(r"[^0-9a-z]")
_LENGTHS = frozenset(("content-length", "transfer-encoding"))
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t -~\x80-\xff]*)?\r\n")


class BadMessage(Exception):  # noqa: N818  (named by what happened)
    """A message that cannot be passed on. `status` is the answer to give if it was a request."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Head:
    """The common part of requests and responses. Text is Latin-1, so that every byte survives."""

    start: str
    minor: int
    """The version: HTTP/1.0 or HTTP/1.1."""
    fields: Fields

    def values(self, name: str) -> list[str]:
        """Return all values of a field; `name` in small letters."""
        return [value for key, value in self.fields if key.lower() == name]

    def has_token(self, name: str, token: str) -> bool:
        """Return whether a comma-separated field names a token; both in small letters."""
        return any(token == part.strip().lower() for value in self.values(name) for part in value.split(","))

    @property
    def persists(self) -> bool:
        """Return whether its sender will go on with the same connection."""
        return self.minor == 1 and not self.has_token("connection", "close")

    def encode(self) -> bytes:
        """Return its bytes on the wire."""
        lines = [self.start, *(f"{name}: {value}" for name, value in self.fields)]
        return "\r\n".join(lines).encode("latin-1") + END


@dataclass(frozen=True)
class Request(Head):
    """A request's head."""

    method: str
    target: str
    framing: Framing

    def with_field(self, name: str, value: str) -> "Request":
        """Return it with this value of a field and no other."""
        return replace(self, fields=(*self.without(name).fields, (name, value)))

    def without(self, *names: str) -> "Request":
        """Return it without some fields."""
        dropped = {name.lower() for name in names}
        return replace(self, fields=tuple(field for field in self.fields if field[0].lower() not in dropped))

    def to(self, target: str) -> "Request":
        """Return it with another target."""
        return replace(self, target=target, start=f"{self.method} {target} HTTP/1.{self.minor}")


@dataclass(frozen=True)
class Response(Head):
    """A response's head."""

    status: int
    framing: Framing

    def closing(self) -> "Response":
        """Return it with a field that closes the connection after it."""
        kept = tuple(field for field in self.fields if field[0].lower() not in ("connection", "keep-alive"))
        return replace(self, fields=(*kept, ("Connection", "close")))


def read_request(data: bytes) -> Request:
    """Read a request's head, its empty line included; raise BadMessage if it is malformed or ambiguous."""
    start, fields = _split(data)
    line = _REQUEST_LINE.fullmatch(start)
    if line is None:
        raise BadMessage("The request line cannot be read.")
    if any(known_as(name) in _LENGTHS and name.lower() not in _LENGTHS for name, _ in fields):
        raise BadMessage("The length of the body is ambiguous.")
    minor = int(line[3])
    framing = _framing(fields, minor)
    return Request(start, minor, fields, line[1], line[2], 0 if framing is None else framing)


def read_response(data: bytes, method: str) -> Response:
    """Read the head of the response to a request with this method; raise BadMessage."""
    start, fields = _split(data)
    line = _STATUS_LINE.fullmatch(start)
    if line is None:
        raise BadMessage("The status line cannot be read.")
    minor, status = int(line[1]), int(line[2])
    framing = _framing(fields, minor)
    if method == "HEAD" or status < 200 or status in (204, 304):
        framing = 0
    return Response(start, minor, fields, status, "until close" if framing is None else framing)


def known_as(name: str) -> str:
    """Return the name that some servers read a field as: CGI makes no difference between `-`, `_` and the like."""
    return _SEPARATOR.sub("-", name.lower())


def chunk_size(line: bytes) -> int:
    """Read the line before a chunk; raise BadMessage."""
    read = _CHUNK.fullmatch(line)
    if read is None:
        raise BadMessage("The size of a chunk cannot be read.")
    return int(read[1], 16)


def _split(data: bytes) -> tuple[str, Fields]:
    if len(data) > MAX_HEAD:
        raise BadMessage("The head is too large.", 431)
    start, *lines = data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    fields = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:  # also a folded line, and a space before the colon
            raise BadMessage("A header field cannot be read.")
        fields.append((field[1], field[2]))
    return start, tuple(fields)


def _framing(fields: Fields, minor: int) -> Framing | None:
    lengths = [value for name, value in fields if name.lower() == "content-length"]
    codings = [value.lower() for name, value in fields if name.lower() == "transfer-encoding"]
    if codings:
        if lengths or minor == 0:
            raise BadMessage("The length of the body is ambiguous.")
        if codings != ["chunked"]:
            raise BadMessage("The only supported transfer coding is `chunked`.", 501)
        return "chunked"
    if not lengths:
        return None
    if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
        raise BadMessage("The length of the body cannot be read.")
    return int(lengths[0])
