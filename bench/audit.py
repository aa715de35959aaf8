"""The API server's audit log: what the operator asked of it, and when each answer was given.

The log holds the requests of one user only (`audit_policy` in `lab/control_plane/flags.py`), one JSON object per line.
Reading is split from understanding: `AuditLog` follows the file, everything else is pure.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from amalthea.operator.inputs.usage_poller import POD_METRICS

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request; `at` is when the answer was complete (a watch: when it was opened), in Unix time."""

    verb: str
    resource: str
    """The plural name, with the subresource where there is one: `amaltheasessions/status`."""
    namespace: str
    name: str
    code: int
    at: float
    group: str = ""
    """The API group; empty for the core of Kubernetes."""
    began: float = 0.0
    """When the server received it, in Unix time."""
    source: str = ""
    """The address of the client."""


@dataclass(frozen=True)
class Tally:
    """Requests by what they are.

    Leases, watches, Events and requests for all sessions' usage are not part of what a session costs by itself.
    """

    requests: Counter[str] = field(default_factory=Counter)
    """By verb and resource: `create services`."""
    events: int = 0
    leases: int = 0
    watches: int = 0
    usage: int = 0
    """Lists of the metrics API."""
    refused: int = 0
    """Those of `requests` that were answered with an error: conflicts and the like."""

    @property
    def total(self) -> int:
        """Count `requests`."""
        return self.requests.total()

    @property
    def writes(self) -> int:
        """Count the requests that change something, Events included."""
        return self.events + sum(count for name, count in self.requests.items() if name.split()[0] in WRITES)


def tally(requests: Iterable[Request]) -> Tally:
    """Count requests."""
    counted: Counter[str] = Counter()
    events = leases = watches = usage = refused = 0
    for request in requests:
        if request.verb == "watch":
            watches += 1
        elif request.resource == "leases":
            leases += 1
        elif request.resource == "events" and request.verb in WRITES:
            events += 1
        elif request.group == POD_METRICS.group:
            usage += 1
        else:
            counted[f"{request.verb} {request.resource}"] += 1
            refused += request.code >= 400
    return Tally(counted, events, leases, watches, usage, refused)


class _ObjectRef(msgspec.Struct, frozen=True, rename="camel"):
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    api_group: str = ""


class _Answer(msgspec.Struct, frozen=True):
    code: int = 0


class _Line(msgspec.Struct, frozen=True, rename="camel"):
    stage: str
    verb: str
    request_uri: str = msgspec.field(default="", name="requestURI")
    object_ref: _ObjectRef = _ObjectRef()
    response_status: _Answer = _Answer()
    request_received_timestamp: datetime | None = None
    stage_timestamp: datetime | None = None
    source_ips: list[str] = msgspec.field(default_factory=list, name="sourceIPs")


_decode = msgspec.json.Decoder(_Line).decode


def parse(text: bytes) -> list[Request]:
    """Return the requests of whole lines. Each is in the log once or twice (`ResponseStarted`), and counts once."""
    return [_request(line) for line in map(_decode, text.splitlines()) if _counts(line)]


def _counts(line: _Line) -> bool:
    return (line.stage == "ResponseStarted") == (line.verb == "watch")


def _request(line: _Line) -> Request:
    about = line.object_ref
    plural = about.resource or line.request_uri
    return Request(
        verb=line.verb,
        resource=f"{plural}/{about.subresource}" if about.subresource else plural,
        namespace=about.namespace,
        name=about.name,
        code=line.response_status.code,
        at=_unix(line.stage_timestamp),
        group=about.api_group,
        began=_unix(line.request_received_timestamp),
        source=next(iter(line.source_ips), ""),
    )


def _unix(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else 0.0


def history(requests: Iterable[Request], session: str) -> list[str]:
    """Return a line for each request about the objects of a session, by the time of the answer.

    A request whose answer was long in coming says so: another one may have been answered meanwhile.
    """
    about = [request for request in requests if request.name.removesuffix("---internal") == session]
    return [_told(request) for request in sorted(about, key=lambda request: request.at)]


def _told(request: Request) -> str:
    moment = datetime.fromtimestamp(request.at, UTC).isoformat(timespec="milliseconds").partition("T")[2][:12]
    took = f"after {request.at - request.began:.3f} s"
    return f"{moment} {request.verb} {request.resource}: {request.code} {took}, from {request.source}"


class AuditLog:
    """Follows a log that is being written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def news(self) -> list[Request]:
        """Return what was logged since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        return parse(whole)
