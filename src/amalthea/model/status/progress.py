"""The progress of a session's start: the step that it is at, in words, from the state of its objects. No Event is read.

Steps are reported in their order and never seem to go back within a run, unless a pod is replaced.
"""

import re
from dataclasses import dataclass

from amalthea.api import names
from amalthea.api.reasons import Step
from amalthea.model import spans
from amalthea.model.times import rfc3339
from amalthea.model.views import remote_job
from amalthea.model.views.observed import Observed
from amalthea.model.views.pods import ContainerStatus, PodView
from amalthea.model.views.remote_job import Word

_WORDS: dict[Step, str] = {
    Step.STORAGE: "the volume and the objects of the session are being prepared",
    Step.SCHEDULED: "the session waits for a node with room for it",
    Step.IMAGES: "the volume is being attached and the images are being pulled",
    Step.CLONED: "repositories are being cloned and other preparations run",
    Step.STARTED: "the containers are starting",
    Step.QUEUED: "the job waits in the queue of the other machine",
    Step.READY: "the containers run; the session does not answer yet",
}
_HELD_BACK = "the session's pod is held back by a scheduling gate, such as that of a queue"
_HELD_DOWN = "somebody else, such as a queue or a downscaler, keeps the session's pod from running"
_QUEUED, _SUBMITTED, _PREPARED, _RUNS = (
    "in the queue",
    "the job is being submitted",
    "the other machine prepares a node for the job",
    "the job runs; the session does not answer yet",
)
_GATE = re.compile(r'readiness gate "([^"]{1,253})"')
_PREPARES = ("CONFIGURING", "RESIZING", "Creating", "Initializing")
"""Words of schedulers for a job whose turn has come."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The step that a start is at."""

    step: Step
    number: int
    """From 1 to `total`."""
    total: int
    words: str
    """The description of the step, without a full stop."""

    def __str__(self) -> str:
        return f"Step {self.number} of {self.total}: {self.words}."


def progress(observed: Observed) -> Progress:
    """Return the step that the start of a session is at."""
    steps = _steps(observed)
    step, words = _step(observed.pod), ""
    if observed.held_down:
        step, words = Step.SCHEDULED, _HELD_DOWN
    elif step is Step.READY and (word := remote_job.known(observed)) is not None:
        step, words = _of_the_job(word)
    elif step is Step.READY:
        words = _gate(observed.pod)
    elif step is Step.SCHEDULED and _is_held_back(observed.pod):
        words = _HELD_BACK
    return Progress(step, steps.index(step) + 1, len(steps), words or _WORDS[step])


def _gate(pod: PodView | None) -> str:
    """Return what else than its containers a pod waits for: webhooks of load balancers give pods such conditions."""
    ready = pod.condition("Ready") if pod is not None else None
    if ready is None or ready.reason != "ReadinessGatesNotReady":
        return ""
    gate = _GATE.search(ready.message)
    return f"the session answers; its pod waits for the readiness gate {gate[1]}" if gate is not None else ""


def _is_held_back(pod: PodView | None) -> bool:
    """Return whether the scheduler does not look at a pod yet: somebody else has put a gate on it (KEP-3521)."""
    scheduled = pod.condition("PodScheduled") if pod is not None else None
    return scheduled is not None and scheduled.reason == "SchedulingGated"


def _of_the_job(word: Word) -> tuple[Step, str]:
    """Return the progress of a job on another machine: its reason, expected start, and how long it may run there."""
    if word.phase != "NotReady":
        return Step.READY, _RUNS
    if not word.state:
        return Step.QUEUED, _SUBMITTED
    if word.state in _PREPARES:
        return Step.QUEUED, _PREPARED
    reason = f"{_QUEUED}: {word.reason}" if word.reason else _QUEUED
    expected = f"expected to start at {rfc3339(word.starts_at)}" if word.starts_at is not None else ""
    limited = f"it may run for {spans.in_words(word.limit)}" if word.limit is not None else ""
    return Step.QUEUED, "; ".join(filter(None, (reason, expected, limited)))


def _steps(observed: Observed) -> tuple[Step, ...]:
    """Return the steps of this session's start: not each has something to prepare."""
    workload = observed.own_workload
    prepares = workload is not None and workload.init_containers > workload.sidecars
    has = {
        Step.CLONED: prepares or _prepares(observed.pod),
        Step.QUEUED: observed.spec is not None and observed.spec.location == "remote",
    }
    return tuple(step for step in _WORDS if has.get(step, True))


def _prepares(pod: PodView | None) -> bool:
    return pod is not None and len(pod.spec.init_containers) > len(pod.sidecars)


def _step(pod: PodView | None) -> Step:
    if pod is None:
        return Step.STORAGE
    scheduled = pod.condition("PodScheduled")
    if scheduled is None or scheduled.status != "True":
        waits_for_volume = scheduled is not None and "persistentvolumeclaim" in scheduled.message.lower()
        return Step.STORAGE if waits_for_volume else Step.SCHEDULED
    if any(_runs_or_ran(status) for status in pod.status.container_statuses):
        session = next((s for s in pod.status.container_statuses if s.name == names.CONTAINER_SESSION), None)
        return Step.READY if session is None or _runs_or_ran(session) else Step.STARTED
    initialized = pod.condition("Initialized")
    if any(_runs_or_ran(status) for status in pod.preparing):
        return Step.STARTED if initialized is not None and initialized.status == "True" else Step.CLONED
    return Step.IMAGES


def _runs_or_ran(status: ContainerStatus) -> bool:
    return status.state.running is not None or status.state.terminated is not None
