"""What the reconciler acts with: all that writes, asks and remembers, and what is left to chance."""

from collections.abc import Callable
from dataclasses import dataclass

from amalthea.children.secret import Material
from amalthea.model.plan import Fresh
from amalthea.operator.announce import Announcer
from amalthea.operator.apply import Applier
from amalthea.operator.deletions import Deletions
from amalthea.operator.doorman import Doorman
from amalthea.operator.ender import Ender
from amalthea.operator.finalize import Finalizer
from amalthea.operator.inquirer import Inquirer
from amalthea.operator.job_asker import JobAsker
from amalthea.operator.last_resort import LastResort
from amalthea.operator.refusals import Refusals


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
