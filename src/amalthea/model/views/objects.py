"""Projections of the watched kinds: only the fields that are read, so that a thousand sessions fit in little memory.

Every field is optional: what the API server leaves out reads as its zero value. `fingerprint` represents the section of
a child that we own: it changes when anybody changes that section. `decoding.py` makes all of these from JSON.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from msgspec import Meta as Constraint
from msgspec import Raw, Struct
from msgspec.structs import force_setattr

from amalthea.api import names
from amalthea.api.schema import Quantity
from amalthea.api.types import Status

Time = Annotated[datetime, Constraint(tz=True)]

LONGEST_MESSAGE = 2000
"""Characters that are read of what others say: all of it is searched for known words, and goes into statuses."""


class View(Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of an object: frozen, with the API's names, all fields optional."""


class Saying(View, frozen=True, kw_only=True):
    """A part with a message of others, of which only the beginning is read: a registry may answer with a whole page."""

    message: str = ""

    def __post_init__(self) -> None:
        if len(self.message) > LONGEST_MESSAGE:
            force_setattr(self, "message", self.message[:LONGEST_MESSAGE])


class Owner(View, frozen=True, kw_only=True):
    """An owner reference."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Metadata(View, frozen=True, kw_only=True):
    """The fields that are read of an object's metadata."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    """The number of changes of the object's spec, by anybody."""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[Owner] = []
    finalizers: list[str] = []

    @property
    def controller(self) -> Owner | None:
        """The object's controlling owner."""
        return next((owner for owner in self.owner_references if owner.controller), None)

    def belongs_to(self, uid: str) -> bool:
        """Return whether the object with that UID controls this one."""
        owner = self.controller
        return owner is not None and owner.uid == uid


class Pause(View, frozen=True, kw_only=True):
    """The request for a session's pause: its author, as the API server knows it, and their last change."""

    manager: str = ""
    time: Time | None = None


class SessionView(View, frozen=True, kw_only=True):
    """A session; its spec stays raw until it is worked on, since most sessions sleep or just run."""

    metadata: Metadata = Metadata()
    spec: Raw = Raw(b"{}")
    status: Status = Status()
    paused: Pause | None = None
    """Not a field of the API: read from the managed fields of a session that is to be paused."""


class ChildView(View, frozen=True, kw_only=True):
    """A child of a session."""

    metadata: Metadata = Metadata()
    fingerprint: str = ""
    faults: tuple[str, ...] = ()
    """The problems in its own status, in the words of the controller that wrote it."""
    challenges: tuple[tuple[str, bytes], ...] = ()
    """Hosts, and paths as JSON, that an Ingress has to prove to an authority whose its host is (ACME, RFC 8555 8.3)."""


class ClaimSource(View, frozen=True, kw_only=True):
    """The claim behind a volume of a pod."""

    claim_name: str = ""


class Volume(View, frozen=True, kw_only=True):
    """A volume of a pod."""

    persistent_volume_claim: ClaimSource | None = None


def claims_of(volumes: Iterable[Volume]) -> tuple[str, ...]:
    """Return the names of the claims among the volumes of a pod."""
    sources = (volume.persistent_volume_claim for volume in volumes)
    return tuple(source.claim_name for source in sources if source is not None)


class WorkloadSpec(View, frozen=True, kw_only=True):
    """The fields that are read of a StatefulSet's or a Job's spec."""

    replicas: int = 1
    suspend: bool = False
    active_deadline_seconds: int | None = None


class ObjectCondition(Saying, frozen=True, kw_only=True):
    """A condition of a Job or a pod."""

    type: str = ""
    status: str = ""
    reason: str = ""
    last_transition_time: Time | None = None


class WorkloadStatus(View, frozen=True, kw_only=True):
    """The fields that are read of a StatefulSet's or a Job's status."""

    start_time: Time | None = None
    """When a Job that is not suspended last began to count its activeDeadlineSeconds (batch/v1 JobStatus)."""
    completion_time: Time | None = None
    conditions: list[ObjectCondition] = []


class WorkloadView(ChildView, frozen=True, kw_only=True):
    """A StatefulSet or a Job: what runs the session's pod. The fingerprint is that of the pod template."""

    kind: str = ""
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()
    has_pods: bool = False
    """Whether it has pods by its own status, or may have made some since its controller last wrote that."""
    template_annotated: bool = True
    """Whether the pod template has annotations: a JSON patch can add only to a map that is there."""
    template_run_id: str | None = None
    """The run that its pod will be made for."""
    containers: int = 0
    """Containers that its pod will have."""
    init_containers: int = 0
    """Init containers that its pod will have, native sidecars included."""
    sidecars: int = 0
    """Native sidecars among them: init containers that keep running."""
    claims: tuple[str, ...] = ()
    """Names of the claims that its pod will mount."""
    left_awake: bool = False
    """Whether we meant it to have a pod when we last wrote that, by our record on it. Read while it is to have none."""
    stilled_by: str = ""
    """The manager that last set it to have none, as the API server knows it. Read while that is so."""

    @property
    def awake(self) -> bool:
        """Return whether it is meant to have a pod."""
        return not self.spec.suspend if self.kind == "Job" else self.spec.replicas > 0

    @property
    def run_id(self) -> str | None:
        """The run that it was last started for."""
        return self.metadata.annotations.get(names.ANNOTATION_RUN_ID)

    @property
    def finished(self) -> bool:
        """Return whether a Job has ended, well or not."""
        return self._holding("Complete", "Failed") is not None

    @property
    def succeeded(self) -> bool:
        """Return whether a Job has succeeded."""
        return self._holding("Complete") is not None

    @property
    def failure(self) -> ObjectCondition | None:
        """Return why a Job has failed, or is bound to fail once its pod is gone."""
        return self._holding("Failed", "FailureTarget")

    @property
    def ended_at(self) -> datetime | None:
        """Return when a Job ended."""
        end = self._holding("Complete", "Failed")
        return self.status.completion_time or (end.last_transition_time if end is not None else None)

    def _holding(self, *types: str) -> ObjectCondition | None:
        return next((c for c in self.status.conditions if c.type in types and c.status == "True"), None)


class Requests(View, frozen=True, kw_only=True):
    """Resource requests of a claim."""

    storage: Quantity = "0"


class ClaimResources(View, frozen=True, kw_only=True):
    """Resources of a claim."""

    requests: Requests = Requests()


class ClaimSpec(View, frozen=True, kw_only=True):
    """The fields that are read of a claim's spec."""

    access_modes: list[str] = []
    resources: ClaimResources = ClaimResources()
    storage_class_name: str | None = None
    """The class of its volume; the API server fills in the cluster's default where none is given."""
    volume_name: str = ""
    """The volume that it got: the kubelet speaks of that, not of the claim."""


class ClaimView(ChildView, frozen=True, kw_only=True):
    """A PersistentVolumeClaim. Its faults are those of a change of size."""

    spec: ClaimSpec = ClaimSpec()
    pending: bool = False
    """Whether there is no volume for it yet."""
    capacity: str = ""
    """The capacity of its volume, which may be less than it asks for; empty where there is none yet."""
    grows_at_start: bool = False
    """Whether its volume is larger, and waits for a node to grow the file system on it."""


class SecretView(ChildView, frozen=True, kw_only=True):
    """The internal secret of a session. Its representation shows no values."""

    data: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"SecretView({self.metadata.namespace}/{self.metadata.name}, keys={sorted(self.data)})"
