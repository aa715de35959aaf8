"""The explanation of a session, as data: `text.py` shows it, `-o json` prints it as it is.

Programs read these fields, so their names stay. Times are absolute, in UTC; how long ago is for readers only.
"""

from datetime import datetime

from msgspec import Struct


class Part(Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the explanation. Every field is always written, so that programs find it."""


class Fact(Part, frozen=True, kw_only=True):
    """A fact about the session."""

    label: str
    text: str


class Run(Part, frozen=True, kw_only=True):
    """The present run."""

    id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    """The end of a job; None while it runs, and for what has no end of its own."""


class Container(Part, frozen=True, kw_only=True):
    """The state of a container."""

    name: str
    image: str
    running: bool
    ready: bool
    restarts: int
    says: str
    """Its state: `running`, `waits: …`, `ended with exit code 1`."""
    since: datetime | None
    """Since when it runs, or when it ended."""
    ended_before: str
    """The end of its last attempt; empty if this is its first."""


class Notice(Part, frozen=True, kw_only=True):
    """A condition of the session that is worth a look, in its own words."""

    condition: str
    reason: str
    message: str
    since: datetime | None


class Happening(Part, frozen=True, kw_only=True):
    """Something that happened."""

    at: datetime
    """Return when it happened last."""
    about: str
    """Kind and name of the object that it happened to, such as `Pod/demo-0`."""
    reason: str
    """One stable word for programs: an Event's reason, or that of the status."""
    message: str
    count: int = 1
    warning: bool = False


class Coming(Part, frozen=True, kw_only=True):
    """A limit of the session, and what it means now."""

    at: datetime | None
    """Its time; None while it does not count."""
    action: str
    """The action at that time: `pause`, `delete`, `stop` (of a job) or `fail`."""
    limit: str
    """The field of `spec.culling` that it comes from; empty if it comes from none."""
    value: str
    why: str
    """A sentence."""


class Advice(Part, frozen=True, kw_only=True):
    """An action that the reader can take."""

    text: str
    command: str | None = None


class Explanation(Part, frozen=True, kw_only=True):
    """The whole explanation of a session at one moment."""

    name: str
    namespace: str
    state: str
    """`status.state`: a word for programs."""
    headline: str
    """The state of the session, as the rest of a sentence that begins with its name."""
    reason: str
    """The stable word for that state, of the condition that explains it: for programs."""
    cause: str
    """The cause of that state, where it is known; else empty."""
    since: datetime | None
    url: str | None
    run: Run
    facts: tuple[Fact, ...]
    containers: tuple[Container, ...]
    notices: tuple[Notice, ...]
    happened: tuple[Happening, ...]
    """In the order of time."""
    coming: tuple[Coming, ...]
    """The next first; what has no time last."""
    advice: tuple[Advice, ...]
    unread: tuple[str, ...]
    """The objects that could not be read, a sentence each: nothing is known of them."""
    explained_at: datetime
