"""Facts about a session: its run, its volume, who may open it, and the state of its containers."""

from collections.abc import Iterator
from datetime import datetime

from amalthea.api.schema import Quantity
from amalthea.api.types import Authentication, Spec
from amalthea.cli.explanation import Container, Fact
from amalthea.cli.read.snapshot import ClaimDetails, ContainerDetails, Ended, SessionSnapshot
from amalthea.cli.time_format import counted

_WAITS = {
    "": "waits",
    "ContainerCreating": "is being prepared",
    "PodInitializing": "waits for what comes before it",
    "ErrImagePull": "waits: its image could not be pulled",
    "ImagePullBackOff": "waits: its image cannot be pulled",
    "ErrImageNeverPull": "waits: its image is not on the node, and must not be pulled",
    "ImageInspectError": "waits: its image is damaged on the node",
    "InvalidImageName": "waits: the name of its image is not valid",
    "RegistryUnavailable": "waits: the registry of its image does not answer",
    "SignatureValidationFailed": "waits: its image is not signed as it must be",
    "CrashLoopBackOff": "waits before it is started again",
    "CreateContainerConfigError": "waits: its settings cannot be used, or are incomplete",
    "CreateContainerError": "waits: it cannot be created",
    "ContainerCannotRun": "waits: its command cannot be run",
    "RunContainerError": "waits: its command cannot be run",
    "StartError": "waits: its command cannot be run",
}


def facts(known: SessionSnapshot) -> tuple[Fact, ...]:
    """Return the facts, in the order in which they are shown."""
    spec = known.observed.spec
    if spec is None:
        return ()
    return tuple(Fact(label=label, text=text) for label, text in _facts(known, spec))


def containers(known: SessionSnapshot) -> tuple[Container, ...]:
    """Return the states of the containers of the present run: first those that prepare it."""
    return tuple(map(_container, known.containers))


def ended(how: Ended) -> str:
    """Return how a container ended."""
    if how.reason == "OOMKilled":
        return "ended because it used more memory than its limit"
    if how.exit_code == 0:
        return "ended with success"
    return f"ended with exit code {how.exit_code}"


def _facts(known: SessionSnapshot, spec: Spec) -> Iterator[tuple[str, str]]:
    yield "Kind", _kind(spec)
    yield "Image", spec.session.image
    if spec.session_type == "Interactive":
        yield "Open to", _access(spec)
    yield "Volume", _volume(known, spec)
    if sources := spec.data_sources:
        yield "Data", ", ".join(source.mount_path for source in sources)
    if repositories := spec.code_repositories:
        yield "Code", ", ".join(repository.remote for repository in repositories)
    if known.pod is not None and known.pod.spec.node_name:
        yield "Node", known.pod.spec.node_name


def _kind(spec: Spec) -> str:
    where = ", on another machine that a tunnel leads to" if spec.location == "remote" else ""
    if spec.session_type == "NonInteractive":
        return f"a job that runs to its end, once{where}"
    return f"a session to be opened in a browser{where}"


def _access(spec: Spec) -> str:
    if spec.ingress is None:
        return "nobody outside the cluster: it has no address (spec.ingress)"
    check = spec.authentication
    if check is None or not check.enabled:
        return "anybody who reaches its address: nothing is checked (spec.authentication)"
    return _checked(check)


def _checked(check: Authentication) -> str:
    secret = f'the secret "{check.secret_ref.name}"'
    return {
        "token": f"everybody who knows the token; it is in {secret}",
        "oauth2proxy": f"everybody who can log in as {secret} says (oauth2-proxy)",
        "oidc": f"everybody who can log in with one of the e-mail addresses in {secret}",
    }[check.type]


def _volume(known: SessionSnapshot, spec: Spec) -> str:
    wanted = f"{spec.session.storage.size} at {spec.session.storage.mount_path}"
    return f"{wanted}, {_state(known.claim, spec.session.storage.size)}" if known.claim is not None else wanted


def _state(claim: ClaimDetails, size: Quantity) -> str:
    if claim.metadata.deletion_timestamp is not None:
        return "is being deleted"
    if claim.status.phase == "Bound":
        return "in place" if claim.status.capacity.storage == size else f"in place with {claim.status.capacity.storage}"
    return "lost: ask your admin" if claim.status.phase == "Lost" else "not there yet"


def _container(status: ContainerDetails) -> Container:
    says, since = _doing(status)
    last = status.last_state.terminated
    return Container(
        name=status.name,
        image=status.image,
        running=status.state.running is not None,
        ready=status.ready,
        restarts=status.restart_count,
        says=says,
        since=since,
        ended_before=f"{ended(last)}, {counted(status.restart_count, 'restart')} so far" if last is not None else "",
    )


def _doing(status: ContainerDetails) -> tuple[str, datetime | None]:
    """Return what a container does, and since when."""
    state = status.state
    if state.running is not None:
        return ("running" if status.ready else "running, but not ready"), state.running.started_at
    if state.terminated is not None:
        return ended(state.terminated), state.terminated.finished_at
    reason = state.waiting.reason if state.waiting is not None else ""
    return _WAITS.get(reason, f"waits ({reason})"), None
