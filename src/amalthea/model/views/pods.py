"""Projections of pods: the state of each container, as far as it matters to a session.

The other kinds: `objects.py`.
"""

from msgspec import field

from amalthea.api import names
from amalthea.model.views.objects import Metadata, ObjectCondition, Saying, Time, View, Volume, claims_of


class Waiting(Saying, frozen=True, kw_only=True):
    """The reason why a container waits."""

    reason: str = ""


class Terminated(Saying, frozen=True, kw_only=True):
    """The end of a container."""

    exit_code: int = 0
    reason: str = ""


class Running(View, frozen=True, kw_only=True):
    """The start of a running container."""

    started_at: Time | None = None


class ContainerState(View, frozen=True, kw_only=True):
    """One of: waiting, running, terminated."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(View, frozen=True, kw_only=True):
    """The state of a container of a pod."""

    name: str = ""
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class Limits(View, frozen=True, kw_only=True):
    """The limits of a container's resources."""

    memory: str = ""


class Resources(View, frozen=True, kw_only=True):
    """Resources of a container."""

    limits: Limits = Limits()


class ContainerSpec(View, frozen=True, kw_only=True):
    """The fields that are read of a container's spec."""

    name: str = ""
    restart_policy: str = ""
    termination_message_policy: str = ""
    resources: Resources = Resources()


class PodSpec(View, frozen=True, kw_only=True):
    """The fields that are read of a pod's spec."""

    containers: tuple[ContainerSpec, ...] = ()
    init_containers: tuple[ContainerSpec, ...] = ()
    volumes: tuple[Volume, ...] = ()


class PodStatus(Saying, frozen=True, kw_only=True):
    """The state of a pod."""

    phase: str = ""
    reason: str = ""
    pod_ip: str = field(default="", name="podIP")
    start_time: Time | None = None
    conditions: tuple[ObjectCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class PodView(View, frozen=True, kw_only=True):
    """A pod of a session."""

    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()
    superseded: bool = False
    """Whether it is of a former run, and about to be replaced: `Observed.pod` says so, the API does not."""

    @property
    def leaving(self) -> bool:
        """Return whether it is being stopped on purpose, or about to be."""
        return self.superseded or self.metadata.deletion_timestamp is not None

    @property
    def run_id(self) -> str | None:
        """The run that it was made for."""
        return self.metadata.annotations.get(names.ANNOTATION_RUN_ID)

    def made_for(self, session: str) -> bool:
        """Return whether it is of the session with that UID, as far as it says whose it is: names are used again."""
        return self.metadata.annotations.get(names.ANNOTATION_SESSION_UID, session) == session

    @property
    def over(self) -> bool:
        """Return whether all its containers have ended for good: it writes nothing any more."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def claims(self) -> tuple[str, ...]:
        """Names of the claims that it mounts."""
        return claims_of(self.spec.volumes)

    @property
    def ready(self) -> bool:
        """Return whether Kubernetes sends traffic to it."""
        ready = self.condition("Ready")
        return ready is not None and ready.status == "True"

    @property
    def sidecars(self) -> frozenset[str]:
        """Names of the native sidecars: init containers that keep running (KEP-753)."""
        return frozenset(spec.name for spec in self.spec.init_containers if spec.restart_policy == "Always")

    @property
    def preparing(self) -> tuple[ContainerStatus, ...]:
        """Return the states of the init containers that end before the session starts."""
        return tuple(status for status in self.status.init_container_statuses if status.name not in self.sidecars)

    @property
    def lasting(self) -> tuple[ContainerStatus, ...]:
        """Return the states of the containers that run as long as the session: native sidecars, then the others."""
        of_sidecars = (status for status in self.status.init_container_statuses if status.name in self.sidecars)
        return (*of_sidecars, *self.status.container_statuses)

    def spec_of(self, container: str) -> ContainerSpec:
        """Return the spec of the container of that name, init containers included."""
        specs = (*self.spec.containers, *self.spec.init_containers)
        return next((spec for spec in specs if spec.name == container), ContainerSpec())

    def condition(self, kind: str) -> ObjectCondition | None:
        """Return the condition of that type."""
        return next((condition for condition in self.status.conditions if condition.type == kind), None)

    @property
    def unschedulable(self) -> ObjectCondition | None:
        """Return why no node takes it, if that is for lack of resources. One that waits for its volume is not stuck."""
        scheduled = self.condition("PodScheduled")
        if scheduled is None or scheduled.status != "False" or scheduled.reason != "Unschedulable":
            return None
        return None if _of_volumes(scheduled) else scheduled

    @property
    def without_volume(self) -> ObjectCondition | None:
        """Return why no node takes it, if that is for lack of a volume."""
        scheduled = self.condition("PodScheduled")
        return scheduled if scheduled is not None and scheduled.status == "False" and _of_volumes(scheduled) else None


def _of_volumes(scheduled: ObjectCondition) -> bool:
    said = scheduled.message.lower()
    return any(words in said for words in ("persistentvolumeclaim", "binding volumes", "non-existent pv"))
