"""The lines of a watch, and what they say: the lower half of `watch.py`, without any connection."""

import msgspec

from amalthea.engine.ports import Key
from amalthea.kube import errors, nesting


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """The metadata that every object has, also one that cannot be decoded otherwise."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def ends_initial_events(self) -> bool:
        """Return whether this bookmark says that a streamed list is complete."""
        return (self.annotations or {}).get("k8s.io/initial-events-end") == "true"


class _Object(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()


class Frame(msgspec.Struct, frozen=True):
    """One line: what happened, and the object as JSON."""

    type: str
    object: msgspec.Raw


class LineSplitter:
    """Cuts chunks into lines, each copied once however many chunks it came in: an object may have megabytes."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes."""
        lines = chunk.split(b"\n")
        self._pending.append(lines[0])
        if len(lines) == 1:
            return []
        lines[0] = b"".join(self._pending)
        self._pending = [lines.pop()]
        return lines


_decode_frame = nesting.tolerant(msgspec.json.Decoder(Frame).decode)
_decode_object = nesting.tolerant(msgspec.json.Decoder(_Object).decode)
_decode_status = msgspec.json.Decoder(errors.Status).decode


def frame(line: bytes, request: str) -> Frame:
    """Decode a line; raise the `errors.ApiError` that an ERROR line stands for."""
    decoded = _decode_frame(line)
    if decoded.type == "ERROR":
        raise errors.from_status(request, _decode_status(decoded.object))
    return decoded


def metadata(body: msgspec.Raw) -> Metadata:
    """Decode only an object's metadata."""
    return _decode_object(body).metadata
