"""A request and its whole answer, as data. `client.py` sends them; tests answer them without a socket. Pure."""

from dataclasses import dataclass, field
from urllib.parse import quote, urlencode


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


def as_form(fields: dict[str, str]) -> Body:
    """Return a body as a form sends it."""
    return Body(urlencode(fields).encode(), "application/x-www-form-urlencoded")


def read_retry_after(value: str | None) -> float | None:
    """Return the seconds of a `Retry-After` field; None for a date, or for anything that is not a number."""
    return float(value) if value is not None and value.isascii() and value.isdigit() else None
