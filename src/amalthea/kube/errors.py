"""The errors of requests to the API server, and what to do about each.

    ApiError
    ├── NotFound         404  it is not there: an answer, often the one hoped for
    ├── NotServed        404  its kind is not known (yet): says nothing of the object; back off
    ├── AlreadyExists    409  somebody was faster: look again, it may be ours
    ├── Conflict         409  decided on an old version: look again at once (engine's Stale)
    ├── Invalid 400,413,422  the object is wrong: tell the user, do not try again unchanged; also of what admission
    │                        denies, whatever code its webhook chose: a 404 of its own says nothing of the object
    ├── Forbidden        403  not allowed, or a quota is used up: tell the user, back off
    ├── Unauthorized     401  the credentials are not accepted (any more): back off
    ├── Gone             410  the version is too old to go on from: list again (engine's Expired)
    ├── TooManyRequests  429  back off, not less than asked (engine's Unavailable)
    ├── ServerError      5xx  back off (engine's Unavailable)
    └── Unreachable        -  no answer at all: whether a write was done is unknown; back off (engine's Unavailable)
        └── NotConnected   -  nobody took the connection: nothing was done; knock again soon (engine's Refused)

No message holds a request's body or a token: only the verb, the path, and what the server said, without the values
that it quotes: of a refused patch that is the whole object, be it a Secret.
"""
# ruff: noqa: N818 an exception is named by what happened

import re
from dataclasses import dataclass

import msgspec

from amalthea.engine.ports import Expired, Refused, Stale, Unavailable

_LONGEST_TEXT = 300
"""Characters of an answer that is not a Status (a proxy's page) that go into a message."""

_LONGEST_MESSAGE = 2000
"""Characters that are read of what a Status says: a webhook's denial may be longer than a session's status may be."""

_DENIED = re.compile(r"\bdenied (the )?request\b")
UNREADABLE = "Unreadable"
"""The reason where something else than the API server answered."""

_NOT_SHOWN = "(not shown)"
_IN_QUOTES = re.compile(r'(?<=Invalid value: )"(?=\{|[^"]{60})(?:[^"\\]|\\.)*"', re.DOTALL)
"""JSON in quotes, or a long text."""
_IN_BRACES = re.compile(r"(?<=Invalid value: )[\w.*&\[\]]*\{.*\}", re.DOTALL)
"""JSON as it is, or a Go struct."""


class FieldError(msgspec.Struct, frozen=True):
    """One field that the server complains about; `field` as in `spec.replicas`."""

    field: str = ""
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct, frozen=True, rename="camel"):
    causes: tuple[FieldError, ...] | None = None
    retry_after_seconds: int | None = None


class Status(msgspec.Struct, frozen=True):
    """The API server's own description of an outcome (`meta/v1 Status`)."""

    kind: str = ""
    code: int = 0
    reason: str = ""
    message: str = ""
    details: _Details | None = None


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """The details of a failed request; `status` is 0 where there was no answer."""

    status: int
    reason: str
    message: str
    causes: tuple[FieldError, ...] = ()
    retry_after: float | None = None


class ApiError(Exception):
    """The API server refused a request, or could not be asked."""

    retry_after: float | None = None

    def __init__(self, failure: ErrorDetails, request: str) -> None:
        """Describe a failure of `request`: verb and path, never a body."""
        super().__init__(f"{request}: {failure.message or failure.reason or failure.status}")
        self.failure = failure
        self.status = failure.status
        self.reason = failure.reason
        self.message = failure.message
        self.causes = failure.causes
        self.retry_after = failure.retry_after


class NotFound(ApiError):
    """There is no such object (or namespace)."""


class NotServed(ApiError):
    """The server does not know the kind, as for a while after its start, or a proxy does not know the path."""


class AlreadyExists(ApiError):
    """There is an object of that name already."""


class Conflict(ApiError, Stale):
    """The object is not at the version that the write was based on."""


class Invalid(ApiError):
    """The server does not accept the object; `causes` names the fields."""


class Forbidden(ApiError):
    """Not allowed by RBAC, by admission, or by a quota."""

    @property
    def quota_exceeded(self) -> bool:
        """Return whether a resource quota is used up."""
        return "exceeded quota" in self.message

    @property
    def kind_unknown(self) -> bool:
        """Return whether the server does not know an owner's kind yet: with a new CRD for up to half a minute."""
        return "no matches for kind" in self.message and not denied(self.message)

    @property
    def terminating(self) -> bool:
        """Return whether the namespace is being deleted; what a webhook says in these words is its own affair."""
        words = self.reason == "NamespaceTerminating" or "is being terminated" in self.message
        return words and not denied(self.message)


class Unauthorized(ApiError):
    """The server does not accept our credentials."""


class Gone(ApiError, Expired):
    """The version, or the continue token, is too old."""


class TooManyRequests(ApiError, Unavailable):
    """The server asks to come back after `retry_after` seconds."""


class ServerError(ApiError, Unavailable):
    """The server, or a proxy before it, failed."""


class Unreachable(ApiError, Unavailable):
    """No connection, a broken one, or no answer in time."""


class NotConnected(Unreachable, Refused):
    """The connection was refused, or reset before it was complete."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Invalid,
    422: Invalid,
    429: TooManyRequests,
}
_decode_status = msgspec.json.Decoder(Status).decode


def from_answer(request: str, status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """Return the error that an HTTP answer means; `retry_after` is the header of that name."""
    try:
        described = _decode_status(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        described = Status()
    if described.kind != "Status":
        text = body[:_LONGEST_TEXT].decode(errors="replace").strip()
        described = Status(code=status, message=f"status {status}: {text}")
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return from_status(request, described, status, seconds)


def from_status(request: str, described: Status, status: int = 0, retry_after: float | None = None) -> ApiError:
    """Return the error that a Status means, from an answer or from an ERROR event of a watch."""
    code = status or described.code
    details = described.details or _Details()
    if retry_after is None and details.retry_after_seconds:
        retry_after = float(details.retry_after_seconds)
    causes = tuple(
        FieldError(cause.field, cause.reason, _without_values(cause.message)) for cause in details.causes or ()
    )
    failure = ErrorDetails(code, described.reason, _without_values(described.message), causes, retry_after)
    return _kind_of(code, described)(failure, request)


def unreachable(request: str, error: Exception) -> Unreachable:
    """Return the error for a request that got no answer."""
    message = str(error) or type(error).__name__
    cause = getattr(error, "os_error", None)  # aiohttp's, of a connection that did not come about
    kind = NotConnected if isinstance(cause, ConnectionError) else Unreachable
    return kind(ErrorDetails(0, "Unreachable", message), request)


def unreadable(request: str, error: Exception) -> Unreachable:
    """Return the error for an answer that is not the API server's, though its status is good: whatever it says."""
    return Unreachable(ErrorDetails(0, UNREADABLE, f"the answer is not one of an API server: {error}"), request)


def _without_values(message: str) -> str:
    message = _IN_QUOTES.sub(_NOT_SHOWN, message)
    # Beyond the last brace no value ends: to look for its end at each beginning would take quadratic time.
    end = message.rfind("}") + 1
    return (_IN_BRACES.sub(_NOT_SHOWN, message[:end]) + message[end:])[:_LONGEST_MESSAGE]


def _kind_of(code: int, described: Status) -> type[ApiError]:
    if denied(described.message) and 400 <= code < 500 and code not in (403, 429):
        return Invalid  # the code, and the reason, are the webhook's
    if described.reason == "AlreadyExists":
        return AlreadyExists
    if described.reason == "Expired":
        return Gone
    if code == 404 and not (described.kind and '" not found' in described.message):  # what is not found is quoted
        return NotServed
    return _BY_STATUS.get(code, ServerError if code >= 500 else ApiError)


def denied(message: str) -> bool:
    """Return whether an admission webhook, or a ValidatingAdmissionPolicy, has denied a request."""
    return _DENIED.search(message) is not None
