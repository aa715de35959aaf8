"""Troubles that only Events report: a pod that is not accepted, volumes that are not made, attached or mounted.

All but a refusal are warnings: Kubernetes retries forever, and a session that waits for a volume is starting.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from amalthea.api.reasons import Failure
from amalthea.model.diagnosis import data_sources, doors
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.diagnosis.rules import Cause, Rule
from amalthea.model.times import began
from amalthea.model.views import readiness
from amalthea.model.views.events import EventView, latest
from amalthea.model.views.objects import WorkloadView
from amalthea.model.views.observed import Observed
from amalthea.model.views.pods import PodView

_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<requested>.*), used: (?P<used>.*), limited: (?P<limited>.*)"
)
_OURS = "for authproxy, oauth2-proxy, git-clone-… and tunnel, administrators set sessionPods.containers of the chart"
_RULES = (
    Rule(
        r"failed quota: (?P<name>[^:]+): must specify (?P<what>.+)",
        (
            'The quota "{name}" of the namespace requires each container to specify {what}. For the session,'
            f" that is spec.session.resources; {_OURS}."
        ),
    ),
    Rule(
        r"(?P<what>(?:(?:minimum|maximum) \S+ usage|\S+ max limit to request ratio) per \w+ is [^,]+)",
        (
            "A LimitRange of the namespace restricts what a container may ask for: {what}. For the session,"
            f" that is spec.session.resources; {_OURS}."
        ),
    ),
    Rule(
        r'requests: Invalid value: "(?P<asked>[^"]+)": must be less than or equal to (?P<most>[^],]+)',
        (
            "A container asks for more than it may use at most: {asked}, where it must be less than or equal to {most}."
            " If it names no limit, a LimitRange of the namespace gives it one. For the session both are in"
            f" spec.session.resources; {_OURS}."
        ),
    ),
    Rule(
        r"insufficient quota to match these scopes: (?P<what>.+)",
        (
            "The namespace has no quota for what the session asks for, and must have one: {what}. Leave out"
            " spec.priorityClassName, or ask an administrator for such a quota."
        ),
    ),
    Rule(
        r'violates PodSecurity "(?P<name>[^":]+)',
        (
            'The namespace enforces the Pod Security Standard "{name}". Administrators set sessionPods.podSecurity of'
            " the chart to restricted; spec.session.runAsUser must not be 0, and your own containers have to meet it."
        ),
    ),
)
_FOR_GOOD = re.compile(r"is forbidden|is invalid", re.IGNORECASE)
_DEPENDENCY = re.compile(r"(secret|configmap) .*not found|references non-existent (secret|config)", re.IGNORECASE)
_PROGRESS = ("Pulling", "Pulled", "Created", "Started")
_MOUNTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox")

WORKLOAD_REASONS = ("FailedCreate", "SuccessfulCreate")
CLAIM_REASONS = ("ProvisioningFailed", "Provisioning", "ProvisioningSucceeded")
POD_REASONS = (*_MOUNTS, *_PROGRESS)
"""The reasons of Events that are read on workloads, claims and pods: what went wrong, and what ends that."""


def refusal(observed: Observed) -> Diagnosis | None:
    """Return why the workload cannot make its pod, if it lacks one."""
    workload = observed.own_workload
    if workload is None or observed.pod is not None or not workload.awake:
        return None
    event = latest(observed.events or (), workload.metadata.uid, *WORKLOAD_REASONS)
    if event is None or event.reason != "FailedCreate" or event.last < _beginning(workload):
        return None
    said = event.message.rpartition("failed error: ")[2].removeprefix("Error creating: ")
    return (
        _quota(said)
        or _by_a_rule(said)
        or Diagnosis(
            Failure.POD_REFUSED,
            "The cluster does not accept the session's pod.",
            said,
            fatal=bool(_FOR_GOOD.search(said)),
        )
    )


def _beginning(workload: WorkloadView) -> datetime:
    """Return when the run started, in whole seconds as in Events: those of earlier runs are on the same object."""
    started = began(workload.run_id) or workload.metadata.creation_timestamp or datetime.min.replace(tzinfo=UTC)
    return started.replace(microsecond=0)


def _quota(said: str) -> Diagnosis | None:
    match = _QUOTA.search(said)
    if match is None:
        return None
    name = match["name"]
    message = (
        f'The session does not fit into the quota "{name}" of its namespace.'
        " Pause or delete what you do not need, or ask for less."
    )
    used, limited = _amounts(match["used"]), _amounts(match["limited"])
    figures = (
        f"It asks for {resource} {amount}; {used.get(resource, '?')} of {limited.get(resource, '?')} are in use."
        for resource, amount in _amounts(match["requested"]).items()
    )
    return Diagnosis(Failure.QUOTA_EXCEEDED, message, " ".join(figures))


def _by_a_rule(said: str) -> Diagnosis | None:
    """Return the field that meets a namespace's rule for all containers: the session's, or an administrator's."""
    for rule in _RULES:
        if match := rule.match(said):
            return Diagnosis(Failure.POD_REFUSED, rule.meaning.format(**match.groupdict()), said)
    return None


def _amounts(text: str) -> dict[str, str]:
    return {name: amount for name, _, amount in (part.partition("=") for part in text.split(","))}


def volumes(observed: Observed) -> Iterator[Diagnosis]:
    """Return what keeps the session's volumes from being available."""
    events = observed.events or ()
    for claim in filter(observed.owns, observed.claims):
        event = latest(events, claim.metadata.uid, *CLAIM_REASONS)
        if claim.pending and event is not None and event.reason == "ProvisioningFailed":
            source = data_sources.described(observed, claim)
            message = (
                f"{source} cannot be provisioned; check the secret."
                if source is not None
                else f'The volume "{claim.metadata.name}" cannot be made; check its class and size.'
            )
            yield Diagnosis(Failure.VOLUME_PENDING, message, event.message, fatal=False)
    pod = observed.pod
    if pod is not None and not pod.leaving:
        yield from _mounts(observed, pod)


def _mounts(observed: Observed, pod: PodView) -> Iterator[Diagnosis]:
    event = latest(observed.events or (), pod.metadata.uid, *POD_REASONS)
    if readiness.has_begun(pod) or event is None or event.reason in _PROGRESS:
        return
    code, message = _mount(event, data_sources.named_in(observed, event.message))
    door = observed.spec.authentication if observed.spec is not None else None
    yield Diagnosis(code, doors.lacking_key(door, event.message) or message, event.message, fatal=False)


def _mount(event: EventView, source: str | None) -> Cause:
    if event.reason == "FailedCreatePodSandBox":
        return Failure.NODE_NOT_READY, "The node cannot set up the session's network yet; Kubernetes tries again."
    volume = source or "A volume of the session"
    if "Multi-Attach" in event.message:
        return Failure.VOLUME_NOT_ATTACHED, f"{volume} is still in use on another node; the session waits for it."
    if event.reason == "FailedAttachVolume":
        return (
            Failure.VOLUME_NOT_ATTACHED,
            f"{volume} cannot be attached to the session's node yet; Kubernetes tries again.",
        )
    if source is not None:
        return Failure.VOLUME_NOT_MOUNTED, f"{source} cannot be mounted yet; check the secret and what it points to."
    if _DEPENDENCY.search(event.message):
        return Failure.DEPENDENCY_MISSING, "The session waits for a secret or config map that does not exist yet."
    return Failure.VOLUME_NOT_MOUNTED, f"{volume} cannot be mounted yet; check where its data comes from."
