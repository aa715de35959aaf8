"""The plan for a session: a pure function of what was observed, and of random values that are handed in.

The plan says which children are wanted and which may change; `children/` makes the manifests and compares
them with what is there, `operator/writers/children.py` writes, `report.py` reports.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from amalthea.model import validation
from amalthea.model.state import judge
from amalthea.model.views import readiness, remote_job
from amalthea.model.views.observed import Observed


@dataclass(frozen=True)
class Fresh:
    """Sources of random values, handed in."""

    run_id: Callable[[], str]
    """Draws a new ULID."""


class Course(Enum):
    """The course of action for the session."""

    RUN = "run"
    """Its children are to be there, and its pod is to run."""
    SLEEP = "sleep"
    """Its children are to be there, but for the Ingress, and no pod."""
    REFUSE = "refuse"
    """Its spec cannot be used: nothing is made or changed, except that a running pod can still be paused."""
    DELETE = "delete"
    """It goes: what it adopted goes with it."""


class TemplateChange(Enum):
    """The times at which a changed pod template may be written to the workload."""

    NOW = "now"
    """Nothing runs that it could hurt: at a start, or after a failure."""
    WITH_THE_USERS_CHANGE = "with the user's change"
    """The pod runs: only a change of the user's own spec may restart it."""
    NOT = "not"
    """It waits for the next start."""


@dataclass(frozen=True)
class Plan:
    """The plan for a session."""

    course: Course
    run_id: str | None = None
    problems: tuple[validation.InvalidField, ...] = ()
    children_may_change: bool = False
    template: TemplateChange = TemplateChange.NOT
    scheduling_may_change: bool = False
    """Whether tolerations, affinity, node selector and priority class may change: no container has started."""
    recreate_job: bool = False
    """A suspended Job is deleted: its template is fixed, and its next run gets a new Job."""
    make_workload: bool = True
    """False for a Job that has run: it is not run again because somebody deleted the Job."""
    held_down: bool = False
    """Somebody else suspended or scaled down the workload: it stays so until they or a pause and a resume end that."""
    awaited_pod: str | None = None
    """A pod of a job's former run that may still write: the next run starts when it is gone. Two never share a volume.
    Its name is empty if it is not seen, and may be there all the same.

    A StatefulSet sees to that by itself. A Job does not: it goes at once, and its pod takes its time.
    """


def decide(observed: Observed, fresh: Fresh) -> Plan:
    """Decide what is to be done."""
    if observed.deleting:
        return Plan(Course.DELETE, run_id=observed.session.status.run_id)
    if problems := problems_of(observed):
        return refused(observed, problems)
    if observed.hibernated:
        return Plan(Course.SLEEP, children_may_change=_strategy(observed) != "never")
    return _run(observed, fresh)


def refused(observed: Observed, problems: tuple[validation.InvalidField, ...]) -> Plan:
    """Return the plan for a session whose spec cannot be used: some of that shows only when its children are built."""
    return Plan(Course.REFUSE, run_id=_known_run_id(observed), problems=problems)


def _run(observed: Observed, fresh: Fresh) -> Plan:
    workload, strategy = observed.own_workload, _strategy(observed)
    held = observed.held_down
    resuming = workload is not None and not workload.awake and not observed.ended and not held
    failed = _failed(observed)
    return Plan(
        Course.RUN,
        run_id=_run_id(observed, fresh),
        children_may_change=strategy == "always" or (strategy != "never" and (failed or resuming)),
        template=_template_change(observed, failed=failed),
        scheduling_may_change=_no_container_has_started(observed),
        recreate_job=resuming and not observed.interactive,
        make_workload=not observed.ended,
        held_down=held,
        awaited_pod=_awaited_pod(observed),
    )


def _awaited_pod(observed: Observed) -> str | None:
    workload = observed.own_workload
    if observed.interactive or observed.ended or observed.held_down or (workload is not None and workload.awake):
        return None
    unseen = workload is not None and (observed.blind or observed.pod_unseen)
    return next((pod.metadata.name for pod in observed.pods if not pod.over), "" if unseen else None)


def _failed(observed: Observed) -> bool:
    """Return whether the session is failed, or was so a moment ago and is not ready yet: then it may still linger."""
    if observed.blind:
        return False  # it may have recovered, and be in use
    state = judge(observed).state
    return state == "Failed" or (state == "NotReady" and observed.session.status.state == "Failed")


def problems_of(observed: Observed) -> tuple[validation.InvalidField, ...]:
    """Return why nothing can be built of a session's spec; none if it can."""
    if observed.spec is None:
        return (validation.InvalidField("spec", observed.spec_error),)
    too_large = validation.too_large(bytes(observed.session.spec))
    return too_large or validation.problems(observed.name, observed.spec, observed.operators_account)


def _strategy(observed: Observed) -> str:
    return observed.spec.reconcile_strategy if observed.spec is not None else "never"


def _run_id(observed: Observed, fresh: Fresh) -> str | None:
    """Return the run's id: a new one at each start and resume, else the known one; also if the start has to wait.

    It is generated once: a recorded id that is not the paused run's is kept until the run has started. A workload that
    an older release left running has none, and gets none before its next start: its pod lacks it too.
    """
    workload = observed.own_workload
    if observed.ended or observed.held_down or (workload is not None and workload.awake):
        return _known_run_id(observed)
    recorded, former = observed.session.status.run_id, workload.run_id if workload is not None else None
    return recorded if recorded is not None and recorded != former else fresh.run_id()


def _known_run_id(observed: Observed) -> str | None:
    """Return the id that the running workload was started with or, where it has none, the recorded one."""
    workload = observed.own_workload
    started_with = workload.run_id if workload is not None and (workload.awake or observed.held_down) else None
    return started_with or observed.session.status.run_id


def _template_change(observed: Observed, *, failed: bool) -> TemplateChange:
    strategy, workload = _strategy(observed), observed.own_workload
    if strategy == "never" or observed.files_at_risk:
        return TemplateChange.NOT
    by_its_job = failed and _job_failed(observed)
    if workload is None or not workload.awake or (failed and not by_its_job):
        return TemplateChange.NOW
    return TemplateChange.WITH_THE_USERS_CHANGE if strategy == "always" or by_its_job else TemplateChange.NOT


def _job_failed(observed: Observed) -> bool:
    """Return whether it is a job on another machine that failed: a new pod would submit another one, unasked."""
    word = remote_job.known(observed)
    return word is not None and word.phase == "Failed"


def _no_container_has_started(observed: Observed) -> bool:
    if observed.files_at_risk or observed.blind or observed.pod_unseen:
        return False  # a restart would delete the files for good; or there may be a pod that is not seen
    return not any(map(readiness.has_begun, observed.pods))
