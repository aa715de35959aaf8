"""What the reconciler acts with: all that writes, asks and remembers, and what is left to chance."""

from collections.abc import Callable
from dataclasses import dataclass

from amalthea.children.secret import Material
from amalthea.model.plan import Fresh
from amalthea.operator.inputs.door_poller import Doorman
from amalthea.operator.inputs.event_lookup import Inquirer
from amalthea.operator.inputs.job_poller import JobAsker
from amalthea.operator.telemetry.deletion_counter import Deletions
from amalthea.operator.writers.children import Applier
from amalthea.operator.writers.culler import Ender
from amalthea.operator.writers.finalizer import Finalizer
from amalthea.operator.writers.last_resort import LastResort
from amalthea.operator.writers.refusals import Refusals
from amalthea.operator.writers.status_writer import Announcer


@dataclass(frozen=True)
class Chance:
    """What is drawn by chance: run ids and secrets."""

    fresh: Fresh
    material: Callable[[], Material]


@dataclass(frozen=True)
class Hands:
    """What acts on the cluster."""

    applier: Applier
    refusals: Refusals
    finalizer: Finalizer
    announcer: Announcer
    ender: Ender
    deletions: Deletions
    inquirer: Inquirer
    doorman: Doorman
    job_asker: JobAsker
    last_resort: LastResort
