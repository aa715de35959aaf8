"""Finds what is wrong with a session, the worst first: from the objects' own status where it can, else from Events.

A pod that is being stopped on purpose has no failures, and what may still resolve itself (a secret that is not there
yet, a first failed pull, a node that is on its way) is a warning: the session is starting.
"""

from collections.abc import Iterator

from amalthea.api import names
from amalthea.api.reasons import Failure
from amalthea.model.diagnosis import children, containers, doors, events, held_down, pods, remote_jobs
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.views import readiness
from amalthea.model.views.observed import Observed
from amalthea.model.views.pods import PodView


def find(observed: Observed) -> Diagnosis | None:
    """Return what is wrong with a session that is meant to run, or None."""
    job = observed.own_workload
    if job is not None and job.succeeded:
        return None
    job_failure = _job_failure(observed)
    if job_failure is not None and job_failure.code is not Failure.JOB_FAILED:
        return job_failure
    troubles = list(_troubles(observed))
    fatal = next((trouble for trouble in troubles if trouble.fatal), None)
    return fatal or job_failure or min(troubles, key=lambda trouble: trouble.aside, default=None)


def is_reportable(pod: PodView) -> bool:
    """Return whether the end of a pod that is gone is still to be reported."""
    return pods.stopped(pod) is not None or remote_jobs.left(pod) is not None


def _troubles(observed: Observed) -> Iterator[Diagnosis]:
    pod = observed.pod
    yield from filter(None, [held_down.trouble(observed), _stopped_before(observed)])
    if pod is not None and not readiness.completed(pod):
        yield from filter(None, (pods.stopped(pod), pods.unreachable(pod)))
        if not pod.leaving:
            yield from doors.troubles(pod, observed.spec.authentication if observed.spec is not None else None)
            yield from containers.troubles(pod, already_failed=_already_failed(observed))
            yield from containers.left_out_clones(observed.spec)
            if not observed.interactive:
                yield from filter(None, [containers.after_the_work(pod)])
            yield from remote_jobs.troubles(observed)
            yield from filter(None, [pods.unscheduled(pod, observed.events or ())])
            yield from filter(None, [pods.lacks_claim(pod, _own_claims(observed))])
    yield from filter(None, [events.refusal(observed)])
    yield from events.volumes(observed)
    yield from children.troubles(observed)


def _own_claims(observed: Observed) -> set[str]:
    """Return the names of the claims that we make for a session."""
    sources = (observed.spec.data_sources if observed.spec is not None else None) or ()
    return {observed.name, *(names.data_source_claim(observed.name, index) for index, _ in enumerate(sources))}


def _stopped_before(observed: Observed) -> Diagnosis | None:
    """Return why the pod before the present one was stopped, unless the session has recovered since.

    Its workload replaces a pod that Kubernetes stops within milliseconds: its end may be over before it is looked at.
    """
    former, workload = observed.former_pod, observed.own_workload
    if former is None or workload is None or not former.metadata.belongs_to(workload.metadata.uid):
        return None
    if observed.pod is not None and readiness.was_ready(observed.pod):
        return None
    return pods.stopped(former)


def _already_failed(observed: Observed) -> bool:
    """Return whether the session failed and has not recovered: then a failing pull stays one in both its forms."""
    pod = observed.pod
    return observed.session.status.state == "Failed" and not (pod is not None and pod.ready)


def _job_failure(observed: Observed) -> Diagnosis | None:
    failure = observed.own_workload.failure if observed.own_workload is not None else None
    if failure is None:
        return None
    if failure.reason == "DeadlineExceeded":
        if any(each.reason == Failure.HELPER_GOES_ON for each in observed.session.status.conditions or ()):
            return Diagnosis(Failure.HELPER_GOES_ON, containers.KEPT_UNTIL_THE_LIMIT)
        too_long = "The job was stopped because it ran longer than its maxAge; allow it more time."
        return Diagnosis(Failure.JOB_TOO_LONG, too_long)
    return Diagnosis(Failure.JOB_FAILED, "The job failed; check its log for the cause.", failure.message)
