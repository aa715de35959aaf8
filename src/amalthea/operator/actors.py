"""The reconciler's collaborators: all that writes, asks and remembers, and the sources of random values."""

from collections.abc import Callable
from dataclasses import dataclass

from amalthea.children.secret import Material
from amalthea.engine.ports import Key
from amalthea.model.plan import Fresh
from amalthea.operator.inputs.door_poller import DoorPoller
from amalthea.operator.inputs.event_lookup import EventLookup
from amalthea.operator.inputs.given_claims import GivenClaims
from amalthea.operator.inputs.job_poller import JobPoller
from amalthea.operator.telemetry.deletion_counter import DeletionCounter
from amalthea.operator.writers.children import ChildWriter
from amalthea.operator.writers.culler import Culler
from amalthea.operator.writers.finalizer import Finalizer
from amalthea.operator.writers.last_resort import LastResort
from amalthea.operator.writers.refusals import Refusals
from amalthea.operator.writers.status_writer import StatusWriter


@dataclass(frozen=True)
class Generators:
    """Sources of random values: run ids and secrets."""

    fresh: Fresh
    material: Callable[[], Material]


@dataclass(frozen=True)
class Actors:
    """The collaborators that act on the cluster."""

    child_writer: ChildWriter
    refusals: Refusals
    finalizer: Finalizer
    status_writer: StatusWriter
    culler: Culler
    deletions: DeletionCounter
    event_lookup: EventLookup
    door_poller: DoorPoller
    job_poller: JobPoller
    last_resort: LastResort
    given_claims: GivenClaims

    def forget(self, key: Key) -> None:
        """Forget what is remembered of a session by its name, which another one may have."""
        self.child_writer.forget(key)
        self.given_claims.forget(key)
        self.door_poller.forget(key)
        self.job_poller.forget(key)
        self.status_writer.forget(key)
        self.event_lookup.forget(key)
