"""Containers that do not start, or that end: from the pod's own status. Decides which of their words may be shown."""

import re
from collections.abc import Iterator

from amalthea.api import names
from amalthea.api.reasons import Failure
from amalthea.api.types import Spec
from amalthea.model import repositories
from amalthea.model.diagnosis import images, rules
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.diagnosis.rules import Cause, Rule
from amalthea.model.views.pods import ContainerStatus, PodView, Terminated, Waiting

CLONE_PREFIX = "git-clone"
"""The prefix of the names of containers that clone: ours (`names.clone_container`), and those that clients add."""
MESSAGE_IS_LOG = "FallbackToLogsOnError"
"""The policy by which the kubelet puts log lines where the last words belong. They hold tokens: never shown."""

_CLONER_EXIT_CODES = (1, 2)
"""With these our cloner ends, and its last words are a sentence with cause and next step."""
_STARTING = {"", "ContainerCreating", "PodInitializing"}
_CANNOT_BE_STARTED = {"StartError", "ContainerCannotRun"}
_NOT_THERE_YET = re.compile(r"(secret|configmap) .*not found|couldn't find key|^$", re.IGNORECASE)
_NOT_READ_YET = re.compile(
    r"failed to sync \w+ cache|not registered|timed out|services have not yet been read", re.IGNORECASE
)
"""The message of a kubelet that is busy, or has just started: it tries again within seconds."""
_DISK_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_CAUSES = {
    "CreateContainerConfigError": "its settings cannot be used; check its user, its environment and its mounts",
    "CreateContainerError": "it cannot be created; check its command, mounts and security settings",
}
_OF_THE_OPERATOR = (names.CONTAINER_AUTHPROXY, names.CONTAINER_OAUTH2_PROXY, names.CONTAINER_TUNNEL)
"""Containers beside the session's whose memory is for administrators to say, as is that of those that clone."""
_KILLED = 137
"""Exit code of a program that was killed: where the kernel did it, the runtime need not know (cgroup, node or VM)."""
_NOT_RUN = "its command cannot be run; check that it exists in the image"
_START_ERRORS = (
    Rule(
        r"exec format error",
        (
            Failure.IMAGE_UNSUITABLE,
            "its program was built for another CPU architecture; use an image for the cluster's nodes",
        ),
    ),
    Rule(
        r"executable file not found|no such file or directory",
        (Failure.CANNOT_START, "its command is not in the image; correct the command, or use another image"),
    ),
    Rule(
        r"permission denied",
        (Failure.CANNOT_START, "its user may not run its command; check the file's mode and the session's user"),
    ),
    Rule(
        r"no command specified",
        (Failure.CANNOT_START, "its image does not say what to run; give the session a command"),
    ),
    Rule(
        r"oom-?killed|memory limit too low",
        (Failure.OUT_OF_MEMORY, "its memory limit is too low even to start; ask for more memory"),
    ),
    Rule(_DISK_FULL.pattern, (Failure.DISK_FULL, "there is no space left on its node's disk; ask an administrator")),
)


def troubles(pod: PodView, *, already_failed: bool) -> Iterator[Diagnosis]:
    """Return what is wrong with the containers of a pod that is at work, init containers first."""
    for container in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        if container.state.waiting is not None:
            yield from _waiting(pod, container, container.state.waiting, already_failed=already_failed)
        elif container.state.terminated is not None and container.state.terminated.exit_code != 0:
            yield _ended(pod, container.name, container.state.terminated)
    yield from _incomplete_clones(pod)


def _waiting(
    pod: PodView, container: ContainerStatus, waiting: Waiting, *, already_failed: bool
) -> Iterator[Diagnosis]:
    reason, last = waiting.reason, container.last_state.terminated
    if reason in _STARTING:
        return
    if reason in images.REASONS:
        yield images.not_pulled(container, waiting, already_failed=already_failed)
    elif reason == "CrashLoopBackOff" and last is not None and last.exit_code == 0:
        ended = (
            f"The container {container.name} ended by itself (exit code 0); it starts again after a while. "
            "To stop the session, pause it."
        )
        yield Diagnosis(Failure.ENDED, ended, fatal=False)
    elif reason == "CrashLoopBackOff" and last is not None:
        yield _ended(pod, container.name, last)
    elif reason == "CrashLoopBackOff":
        ends = f"The container {container.name} ends right after each start; check its log for the cause."
        yield Diagnosis(Failure.CRASHED, ends)
    elif reason == "CreateContainerConfigError" and _NOT_THERE_YET.search(waiting.message):
        needs = f"The container {container.name} waits for a secret or config map that does not exist yet."
        yield Diagnosis(Failure.DEPENDENCY_MISSING, needs, waiting.message, fatal=False)
    elif reason == "CreateContainerConfigError" and _NOT_READ_YET.search(waiting.message):
        late = f"The node has not read the settings of the container {container.name} yet; it tries again by itself."
        yield Diagnosis(Failure.NODE_NOT_READY, late, waiting.message, fatal=False)
    else:
        yield _not_started(container.name, reason, waiting.message)


_LET_IT_END = "Let that end, too, or make it an init container with restartPolicy: Always."
KEPT_UNTIL_THE_LIMIT = f"The work was done, but what ran beside it kept the job until its maxAge. {_LET_IT_END}"


def after_the_work(pod: PodView) -> Diagnosis | None:
    """Return what keeps a job from ending whose own container has ended well."""
    statuses = pod.status.container_statuses
    ended = (each.state.terminated for each in statuses if each.name == names.CONTAINER_SESSION)
    going_on = [each.name for each in statuses if each.state.running is not None]
    if not any(how is not None and how.exit_code == 0 for how in ended) or not going_on:
        return None
    message = (
        f"The work is done, but the job continues because of what runs beside it: {', '.join(going_on)}. {_LET_IT_END}"
    )
    return Diagnosis(Failure.HELPER_GOES_ON, message, fatal=False)


def _incomplete_clones(pod: PodView) -> Iterator[Diagnosis]:
    """Return what is missing of repositories whose clones went well, from the cloner's last words."""
    for container in pod.preparing:
        ended, policy = container.state.terminated, pod.spec_of(container.name).termination_message_policy
        if not container.name.startswith(CLONE_PREFIX) or ended is None or ended.exit_code or policy == MESSAGE_IS_LOG:
            continue
        if said := ended.message.strip():
            yield Diagnosis(Failure.CLONE_INCOMPLETE, said, fatal=False, aside=True)


def left_out_clones(spec: Spec | None) -> Iterator[Diagnosis]:
    """Return which repositories of a spec the cloner leaves out, because others have their folders."""
    for message in repositories.left_out(spec) if spec is not None else ():
        yield Diagnosis(Failure.CLONE_INCOMPLETE, message, fatal=False, aside=True)


def _not_started(name: str, reason: str, said: str) -> Diagnosis:
    cause = _CAUSES.get(reason, f"Kubernetes gives the reason {reason}")
    if reason == "RunContainerError" or reason in _CANNOT_BE_STARTED:
        cause = _NOT_RUN
    code, cause = rules.first(_START_ERRORS, said, (Failure.CANNOT_START, cause))
    return Diagnosis(code, f"The container {name} does not start: {cause}.", said.strip())


def _ended(pod: PodView, name: str, how: Terminated) -> Diagnosis:
    """Return the trouble of a container that ended: the same while it is down, waits, and runs for moments again."""
    spec = pod.spec_of(name)
    said = how.message.strip() if spec.termination_message_policy != MESSAGE_IS_LOG else ""
    if how.reason in _CANNOT_BE_STARTED:
        return _not_started(name, how.reason, said)
    if how.reason == "OOMKilled":
        limit = f" of {spec.resources.limits.memory}" if spec.resources.limits.memory else ""
        used = f"The container {name} ended because it used more memory than its limit{limit}; {_more_memory(name)}."
        return Diagnosis(Failure.OUT_OF_MEMORY, used)
    if how.reason == "ContainerStatusUnknown":
        return Diagnosis(Failure.NODE_LOST, f"The container {name} was lost when its node stopped or was restarted.")
    if said and name.startswith(CLONE_PREFIX) and how.exit_code in _CLONER_EXIT_CODES:
        return Diagnosis(Failure.CLONE_FAILED, said)
    code, cause = _why_it_ended(name, how.exit_code, said)
    return Diagnosis(code, f"{cause} Its last message: {said}" if said else cause)


def _more_memory(name: str) -> str:
    """Return who may give a container more memory, and how."""
    if name in _OF_THE_OPERATOR or name.startswith(CLONE_PREFIX):
        return "administrators give it more in sessionPods.containers of the chart"
    return "ask for more memory"


def _why_it_ended(name: str, exit_code: int, said: str) -> Cause:
    if _DISK_FULL.search(said):
        full = f"The container {name} ended with exit code {exit_code} because no disk space is left;"
        return Failure.DISK_FULL, f"{full} delete files, or ask for a larger volume."
    if exit_code == _KILLED:
        killed = f"The container {name} was killed (exit code {exit_code}), most often for want of memory;"
        return Failure.CRASHED, f"{killed} look into its log, or {_more_memory(name)}."
    if name.startswith(CLONE_PREFIX):
        failed = f"A repository could not be cloned: the container {name} ended with exit code {exit_code};"
        return Failure.CLONE_FAILED, f"{failed} check the repository's address, its revision and its credentials."
    return Failure.CRASHED, f"The container {name} ended with exit code {exit_code}; check its log for the cause."
