"""The objects that were read for one session, including parts that only a reader wants to know.

`reading.py` fills it from the API server; all that makes the explanation of it is pure.
"""

from dataclasses import dataclass
from datetime import datetime

from amalthea.api import names
from amalthea.api.schema import Quantity
from amalthea.model.views import events
from amalthea.model.views.objects import Metadata, Time, View
from amalthea.model.views.observed import Observed
from amalthea.model.views.pods import Running, Waiting


class Ended(View, frozen=True, kw_only=True):
    """The end of a container. Its own message is not read: that may be a line of its log."""

    exit_code: int = 0
    reason: str = ""
    finished_at: Time | None = None


class ContainerState(View, frozen=True, kw_only=True):
    """One of: waiting, running, terminated."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Ended | None = None


class ContainerDetails(View, frozen=True, kw_only=True):
    """The state of a container."""

    name: str = ""
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()

    @property
    def ended(self) -> Ended | None:
        """Return how it ended last, whatever it does now; None if it never did."""
        return self.state.terminated or self.last_state.terminated

    @property
    def down(self) -> bool:
        """Return whether it failed and is not running again."""
        return self.state.running is None and self.ended is not None and self.ended.exit_code != 0


class PodStatusDetails(View, frozen=True, kw_only=True):
    """The states of a pod's containers."""

    container_statuses: tuple[ContainerDetails, ...] = ()
    init_container_statuses: tuple[ContainerDetails, ...] = ()


class PodSpecDetails(View, frozen=True, kw_only=True):
    """The node that a pod runs on."""

    node_name: str = ""


class PodDetails(View, frozen=True, kw_only=True):
    """A pod."""

    metadata: Metadata = Metadata()
    spec: PodSpecDetails = PodSpecDetails()
    status: PodStatusDetails = PodStatusDetails()


class Capacity(View, frozen=True, kw_only=True):
    """The size of a volume."""

    storage: Quantity = "0"


class ClaimStatusDetails(View, frozen=True, kw_only=True):
    """The state of a claim."""

    phase: str = ""
    capacity: Capacity = Capacity()


class ClaimDetails(View, frozen=True, kw_only=True):
    """A claim for a volume."""

    metadata: Metadata = Metadata()
    status: ClaimStatusDetails = ClaimStatusDetails()


class Involved(events.Regarding, frozen=True, kw_only=True):
    """The object that an Event is about."""

    kind: str = ""
    name: str = ""
    field_path: str = ""

    @property
    def container(self) -> str:
        """The container, where it is about one."""
        return self.field_path.partition("{")[2].rstrip("}")


class Series(events.Series, frozen=True, kw_only=True):
    """The count of an Event of the newer kind."""

    count: int = 1


class EventView(events.EventView, frozen=True, kw_only=True):
    """An Event of the older or newer kind: the older leaves `event_time` null, the newer all other times."""

    involved_object: Involved = Involved()
    type: str = "Normal"
    count: int = 1
    series: Series | None = None

    @property
    def at(self) -> datetime | None:
        """Return when it happened last."""
        again = self.series.last_observed_time if self.series is not None else None
        return again or self.last_timestamp or self.event_time or self.metadata.creation_timestamp

    @property
    def times(self) -> int:
        """Return how often it happened."""
        return self.series.count if self.series is not None else self.count


@dataclass(frozen=True)
class SessionSnapshot:
    """A session as it was found."""

    observed: Observed
    pod: PodDetails | None = None
    """The pod of the present run."""
    claim: ClaimDetails | None = None
    """The claim for the session's own volume."""
    events: tuple[EventView, ...] = ()
    unread: tuple[str, ...] = ()
    """The objects that could not be read, a sentence each. They are unknown, and not absent."""

    @property
    def containers(self) -> tuple[ContainerDetails, ...]:
        """All containers of the present run: first those that prepare it."""
        status = self.pod.status if self.pod is not None else PodStatusDetails()
        return (*status.init_container_statuses, *status.container_statuses)

    @property
    def session_container(self) -> ContainerDetails | None:
        """The container that the user works in."""
        return next((each for each in self.containers if each.name == names.CONTAINER_SESSION), None)
