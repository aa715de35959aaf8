"""A researcher must learn what is wrong and what to do; and must not see a failure where there is none."""

from dataclasses import replace

import pytest
from msgspec import structs

from amalthea.api.reasons import Failure
from amalthea.api.schema import Manifest
from amalthea.api.types import Condition
from amalthea.model.diagnosis.checks import find
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.testing.builders import session
from amalthea.testing.observations import (
    condition,
    container,
    job,
    observed,
    pod,
    running,
    statefulset,
    terminated,
    unscheduled_pod,
    waiting,
)

NOT_FOUND = 'failed to pull and unpack image "example.org/lab:1": not found'
BACK_OFF = 'Back-off pulling image "example.org/lab:1"'
NOT_STARTED = "The container amalthea-session does not start: "
IMAGE = " Image: example.org/lab:1."
NOT_THERE = f"{NOT_STARTED}the registry has no such image; check its name and tag.{IMAGE}"
NOT_PULLED = (
    f"{NOT_STARTED}its image cannot be pulled; check the image's name and tag, and your access to the registry.{IMAGE}"
)
CLONE_FAILED = "Cloning https://example.org/a failed: its server refuses access; correct the credentials."
CRASHED = terminated(1, message="Traceback\nValueError: no such file\n")
OOM = terminated(137, "OOMKilled")
TOO_MUCH_MEMORY = (
    "The container amalthea-session ended because it used more memory than its limit of 1Gi; ask for more memory."
)


def trouble_of(
    body: Manifest | None, *, already_failed: bool = False, workload: Manifest | None = None
) -> Diagnosis | None:
    status = {"state": "Failed" if already_failed else "NotReady"}
    return find(observed(None, workload or statefulset(), *filter(None, [body]), status=status))


def specified(body: Manifest, **fields: object) -> Manifest:
    """Return a pod whose session container has these fields."""
    spec = body["spec"]
    return {**body, "spec": {**spec, "containers": [{**spec["containers"][0], **fields}, *spec["containers"][1:]]}}


def limited(body: Manifest) -> Manifest:
    return specified(body, resources={"limits": {"memory": "1Gi", "nvidia.com/gpu": "1"}})


def evicted(message: str) -> Manifest:
    return pod(container(state=terminated(137)), phase="Failed", reason="Evicted", message=message)


FATAL = {
    "the image is not there": (
        Failure.IMAGE_NOT_FOUND,
        pod(container(state=waiting("ImagePullBackOff", f"{BACK_OFF}: ErrImagePull: {NOT_FOUND}"))),
        NOT_THERE,
        NOT_FOUND,
    ),
    "the image is not there, told by an older kubelet": (
        Failure.IMAGE_NOT_PULLED,
        pod(container(state=waiting("ImagePullBackOff", BACK_OFF))),
        NOT_PULLED,
        "",
    ),
    "the image's name is malformed": (
        Failure.IMAGE_INVALID,
        pod(container(state=waiting("InvalidImageName", "couldn't parse image name"), image="Not An Image")),
        NOT_STARTED + "the name of its image is not valid; correct it. Image: Not An Image.",
        "couldn't parse image name",
    ),
    "the image may not be pulled": (
        Failure.IMAGE_NOT_PULLED,
        pod(container(state=waiting("ErrImageNeverPull"))),
        f"{NOT_STARTED}its image is not on the node, and the pull policy forbids pulling it.{IMAGE}",
        "",
    ),
    "a clone fails": (
        Failure.CLONE_FAILED,
        pod(
            container(state=waiting("PodInitializing")),
            init=[container("git-clone-0", terminated(1, message=f"{CLONE_FAILED}\n"))],
        ),
        CLONE_FAILED,
        "",
    ),
    "a clone by an older cloner fails": (
        Failure.CLONE_FAILED,
        pod(
            container(state=waiting("PodInitializing")),
            init=[container("git-clone-0", terminated(128, message="no such branch"))],
        ),
        (
            "A repository could not be cloned: the container git-clone-0 ended with exit code 128; check the"
            " repository's address, its revision and its credentials. Its last message: no such branch"
        ),
        "",
    ),
    "an init container fails": (
        Failure.CRASHED,
        pod(container(state=waiting("PodInitializing")), init=[container("certificates", terminated(2))]),
        "The container certificates ended with exit code 2; check its log for the cause.",
        "",
    ),
    "the session ended with a message": (
        Failure.CRASHED,
        pod(container(state=CRASHED)),
        (
            "The container amalthea-session ended with exit code 1; check its log for the cause. "
            "Its last message: Traceback\nValueError: no such file"
        ),
        "",
    ),
    "the session ended, its last words are its log": (
        Failure.CRASHED,
        specified(pod(container(state=CRASHED)), terminationMessagePolicy="FallbackToLogsOnError"),
        "The container amalthea-session ended with exit code 1; check its log for the cause.",
        "",
    ),
    "out of memory": (Failure.OUT_OF_MEMORY, limited(pod(container(state=OOM))), TOO_MUCH_MEMORY, ""),
    "out of memory again and again": (
        Failure.OUT_OF_MEMORY,
        limited(pod(container(state=waiting("CrashLoopBackOff", "back-off 5m0s"), last=OOM))),
        TOO_MUCH_MEMORY,
        "",
    ),
    "out of memory, without a limit of its own": (
        Failure.OUT_OF_MEMORY,
        pod(container(state=OOM)),
        "The container amalthea-session ended because it used more memory than its limit; ask for more memory.",
        "",
    ),
    "a clone out of memory": (
        Failure.OUT_OF_MEMORY,
        pod(container(state=waiting("PodInitializing")), init=[container("git-clone-0", OOM)]),
        (
            "The container git-clone-0 ended because it used more memory than its limit; administrators give it more in"
            " sessionPods.containers of the chart."
        ),
        "",
    ),
    "the door out of memory": (
        Failure.OUT_OF_MEMORY,
        pod(sidecars=[container("authproxy", OOM)]),
        (
            "The container authproxy ended because it used more memory than its limit; administrators give it more in"
            " sessionPods.containers of the chart."
        ),
        "",
    ),
    "killed by the kernel, unknown to the runtime": (
        Failure.CRASHED,
        pod(container(state=waiting("CrashLoopBackOff"), last=terminated(137))),
        (
            "The container amalthea-session was killed (exit code 137), most often for want of memory; look into its"
            " log, or ask for more memory."
        ),
        "",
    ),
    "a clone that was killed": (
        Failure.CRASHED,
        pod(container(state=waiting("PodInitializing")), init=[container("git-clone-0", terminated(137))]),
        (
            "The container git-clone-0 was killed (exit code 137), most often for want of memory; look into its log, or"
            " administrators give it more in sessionPods.containers of the chart."
        ),
        "",
    ),
    "out of disk": (
        Failure.DISK_FULL,
        pod(container(state=terminated(1, message="OSError: [Errno 28] No space left on device"))),
        (
            "The container amalthea-session ended with exit code 1 because no disk space is left; delete"
            " files, or ask for a larger volume. Its last message: OSError: [Errno 28] No space left on device"
        ),
        "",
    ),
    "no such command": (
        Failure.CANNOT_START,
        pod(container(state=terminated(128, "StartError", 'exec: "lab": executable file not found in $PATH'))),
        NOT_STARTED + "its command is not in the image; correct the command, or use another image.",
        'exec: "lab": executable file not found in $PATH',
    ),
    "a command that its user may not run": (
        Failure.CANNOT_START,
        pod(container(state=terminated(128, "StartError", "exec /lab: permission denied"))),
        NOT_STARTED + "its user may not run its command; check the file's mode and the session's user.",
        "exec /lab: permission denied",
    ),
    "an image without a command": (
        Failure.CANNOT_START,
        pod(container(state=waiting("CreateContainerError", "no command specified"))),
        NOT_STARTED + "its image does not say what to run; give the session a command.",
        "no command specified",
    ),
    "a program for another processor": (
        Failure.IMAGE_UNSUITABLE,
        pod(container(state=waiting("RunContainerError", "exec /lab: exec format error"))),
        NOT_STARTED + "its program was built for another CPU architecture; use an image for the cluster's nodes.",
        "exec /lab: exec format error",
    ),
    "too little memory even to start": (
        Failure.OUT_OF_MEMORY,
        pod(container(state=terminated(128, "StartError", "container init was OOM-killed (memory limit too low?)"))),
        NOT_STARTED + "its memory limit is too low even to start; ask for more memory.",
        "container init was OOM-killed (memory limit too low?)",
    ),
    "the runtime cannot run it, for a reason of its own": (
        Failure.CANNOT_START,
        pod(container(state=terminated(128, "StartError", "the moon is full"))),
        NOT_STARTED + "its command cannot be run; check that it exists in the image.",
        "the moon is full",
    ),
    "crashes before anything is known of it": (
        Failure.CRASHED,
        pod(container(state=waiting("CrashLoopBackOff", "back-off 10s restarting failed container"))),
        "The container amalthea-session ends right after each start; check its log for the cause.",
        "",
    ),
    "an image that wants to run as root": (
        Failure.CANNOT_START,
        pod(container(state=waiting("CreateContainerConfigError", "container has runAsNonRoot and image has root"))),
        NOT_STARTED + "its settings cannot be used; check its user, its environment and its mounts.",
        "container has runAsNonRoot and image has root",
    ),
    "a reason that nobody knows": (
        Failure.CANNOT_START,
        pod(container("helper", waiting("PlanetsMisaligned", "wait for spring"))),
        "The container helper does not start: Kubernetes gives the reason PlanetsMisaligned.",
        "wait for spring",
    ),
    "its node was restarted under it": (
        Failure.NODE_LOST,
        pod(container(state=terminated(137, "ContainerStatusUnknown", "could not be located"))),
        "The container amalthea-session was lost when its node stopped or was restarted.",
        "",
    ),
    "evicted for disk, whatever the exit codes say": (
        Failure.EVICTED,
        evicted("The node was low on resource: ephemeral-storage."),
        "The session's pod was stopped: its node ran out of disk; keep files on the session's volume.",
        "The node was low on resource: ephemeral-storage.",
    ),
    "evicted for memory": (
        Failure.EVICTED,
        evicted("The node was low on resource: memory."),
        (
            "The session's pod was stopped: its node ran out of memory; ask for as much as the session uses,"
            " so that it is reserved."
        ),
        "The node was low on resource: memory.",
    ),
    "evicted for memory, in the words of older kubelets": (
        Failure.EVICTED,
        evicted("The node was low on resource: memory. Container a was using 3Gi, which exceeds its request of 1Gi."),
        (
            "The session's pod was stopped: its node ran out of memory; ask for as much as the session uses,"
            " so that it is reserved."
        ),
        "The node was low on resource: memory. Container a was using 3Gi, which exceeds its request of 1Gi.",
    ),
    "evicted because it wrote too much": (
        Failure.DISK_FULL,
        evicted('Usage of EmptyDir volume "scratch" exceeds the limit "1Mi".'),
        (
            "The session's pod was stopped: it wrote more to its node's disk than it may; keep files on the session's"
            " volume, or ask for more."
        ),
        'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi".',
    ),
    "evicted because /dev/shm was full": (
        Failure.DISK_FULL,
        evicted('Usage of EmptyDir volume "amalthea-dev-shm" exceeds the limit "64Mi".'),
        ("The session's pod was stopped: it put more into /dev/shm than it may; ask for more in spec.session.shmSize."),
        'Usage of EmptyDir volume "amalthea-dev-shm" exceeds the limit "64Mi".',
    ),
    "stopped with its node": (
        Failure.POD_STOPPED,
        pod(phase="Failed", reason="Terminated", message="Pod was terminated in response to imminent node shutdown."),
        "The session's pod was stopped (Terminated). If that happens again, ask an administrator.",
        "Pod was terminated in response to imminent node shutdown.",
    ),
    "its node has no free GPU after all": (
        Failure.POD_STOPPED,
        pod(phase="Failed", reason="UnexpectedAdmissionError", message="Pod was rejected: Allocate failed"),
        "The session's pod was stopped (UnexpectedAdmissionError). If that happens again, ask an administrator.",
        "Pod was rejected: Allocate failed",
    ),
    "its node was stopped before it started": (
        Failure.POD_STOPPED,
        pod(phase="Failed", reason="NodeShutdown", message="Pod was rejected as the node is shutting down."),
        "The session's pod was stopped (NodeShutdown). If that happens again, ask an administrator.",
        "Pod was rejected as the node is shutting down.",
    ),
    "its node is being emptied": (
        Failure.EVICTED,
        pod(
            container(ready=True),
            leaving=True,
            conditions=[condition("DisruptionTarget", "True", reason="EvictionByEvictionAPI", message="Eviction API")],
        ),
        (
            "The session's pod is being stopped: its node is being emptied, for maintenance or because it is not"
            " needed. The files on the session's volume are kept."
        ),
        "Eviction API",
    ),
}


@pytest.mark.parametrize(("code", "body", "message", "said"), FATAL.values(), ids=FATAL)
def test_a_failure_is_reported_with_cause_and_remedy(code: Failure, body: Manifest, message: str, said: str) -> None:
    assert trouble_of(body) == Diagnosis(code, message, said, fatal=True)


NOT_YET = "The container {} waits for a secret or config map that does not exist yet."
NOT_SYNCED = "failed to sync secret cache: timed out waiting for the condition"
WARNINGS = {
    "a first failed pull": (
        Failure.IMAGE_NOT_FOUND,
        pod(container(state=waiting("ErrImagePull", NOT_FOUND))),
        f"{NOT_STARTED}its image could not be pulled yet; Kubernetes tries again.{IMAGE}",
        NOT_FOUND,
    ),
    "a secret that is not there yet": (
        Failure.DEPENDENCY_MISSING,
        pod(container("oauth2-proxy", waiting("CreateContainerConfigError", 'secret "door" not found'))),
        NOT_YET.format("oauth2-proxy"),
        'secret "door" not found',
    ),
    "a config map that is not there yet": (
        Failure.DEPENDENCY_MISSING,
        pod(container(state=waiting("CreateContainerConfigError", 'configmap "settings" not found'))),
        NOT_YET.format("amalthea-session"),
        'configmap "settings" not found',
    ),
    "a key that is not there yet": (
        Failure.DEPENDENCY_MISSING,
        pod(container(state=waiting("CreateContainerConfigError", "couldn't find key auth in Secret team/door"))),
        NOT_YET.format("amalthea-session"),
        "couldn't find key auth in Secret team/door",
    ),
    "a node that is too busy to read a secret": (
        Failure.NODE_NOT_READY,
        pod(container(state=waiting("CreateContainerConfigError", NOT_SYNCED))),
        "The node has not read the settings of the container amalthea-session yet; it tries again by itself.",
        NOT_SYNCED,
    ),
    "no room on any node": (
        Failure.UNSCHEDULABLE,
        unscheduled_pod("0/3 nodes are available: 3 Insufficient cpu."),
        "No node can take the session yet: too little cpu is free. It starts as soon as one can.",
        "0/3 nodes are available: 3 Insufficient cpu.",
    ),
    "its node does not answer": (
        Failure.NODE_LOST,
        pod(
            container(ready=True),
            conditions=[condition("Ready", "False"), condition("ContainersReady", "True")],
        ),
        "The node of the session does not answer at the moment. If it does not come back, ask an administrator.",
        "",
    ),
}


@pytest.mark.parametrize(("code", "body", "message", "said"), WARNINGS.values(), ids=WARNINGS)
def test_a_trouble_that_may_pass_by_itself_is_a_warning(code: Failure, body: Manifest, message: str, said: str) -> None:
    assert trouble_of(body) == Diagnosis(code, message, said, fatal=False)


NO_TROUBLE = {
    "all is well": pod(container(ready=True)),
    "the image is being pulled": pod(container(state=waiting("ContainerCreating"))),
    "init containers run": pod(container(state=waiting("PodInitializing")), init=[container("git-clone-0")]),
    "the kubelet gave no reason": pod(container(state={"waiting": {}})),
    "the kubelet gave no state": pod(container(state={})),
    "an init container ended well": pod(container(), init=[container("certs", terminated(0, "Completed"))]),
    "it crashed before and runs now": pod(container(last=CRASHED)),
    "stopped on purpose, with an exit code": pod(container(state=terminated(143)), leaving=True),
    "an eviction that was called off": pod(conditions=[condition("DisruptionTarget", "True")]),
    "a readiness gate is closed": pod(
        conditions=[condition("ContainersReady", "True"), condition("Ready", "False", reason="ReadinessGatesNotReady")]
    ),
    "its volume is on its way": unscheduled_pod("0/1 nodes are available: unbound immediate PersistentVolumeClaims."),
    "not scheduled because it is gated": pod(
        phase="Pending", conditions=[condition("PodScheduled", "False", reason="SchedulingGated")]
    ),
}


@pytest.mark.parametrize("body", NO_TROUBLE.values(), ids=NO_TROUBLE)
def test_a_pod_that_does_not_fail_has_no_trouble(body: Manifest) -> None:
    assert trouble_of(body) is None


def test_a_failing_pull_is_the_same_failure_in_both_forms_that_the_kubelet_alternates_between() -> None:
    pulling = pod(container(state=waiting("ErrImagePull", NOT_FOUND)))
    backing_off = pod(container(state=waiting("ImagePullBackOff", f"{BACK_OFF}: ErrImagePull: {NOT_FOUND}")))

    assert trouble_of(pulling, already_failed=True) == trouble_of(backing_off, already_failed=True)


def test_a_crash_is_the_same_failure_while_it_is_down_and_while_it_waits() -> None:
    down = pod(container(state=CRASHED))
    waits = [
        pod(container(state=waiting("CrashLoopBackOff", f"back-off {delay} restarting"), last=CRASHED))
        for delay in ("10s", "20s", "2m40s")
    ]

    assert {trouble_of(body) for body in waits} == {trouble_of(down)}


def test_a_failure_is_reported_rather_than_a_warning_before_it() -> None:
    body = pod(
        container(state=waiting("ErrImagePull", NOT_FOUND)), container("authproxy", terminated(2, message="no config"))
    )

    trouble = trouble_of(body)

    assert trouble is not None
    assert trouble.message.startswith("The container authproxy ended with exit code 2")


FAILED = condition("Failed", "True", reason="BackoffLimitExceeded", message="Job has reached the backoff limit")
TOO_LONG = condition("Failed", "True", reason="DeadlineExceeded", message="Job was active longer than its deadline")


@pytest.mark.parametrize(
    ("workload", "body", "beginning"),
    [
        (job(FAILED), pod(container(state=terminated(3)), phase="Failed"), "The container amalthea-session ended with"),
        (job(FAILED), None, "The job failed; check its log for the cause."),
        (job(TOO_LONG), None, "The job was stopped because it ran longer than its maxAge; allow it more time."),
        (job(TOO_LONG), pod(container(state=terminated(137))), "The job was stopped because it ran longer"),
        (
            job(condition("FailureTarget", "True", reason="DeadlineExceeded")),
            pod(container(state=terminated(143)), leaving=True),
            "The job was stopped because it ran longer",
        ),
    ],
    ids=["its pod tells why", "its pod is gone", "too long", "too long, killed", "too long, still being killed"],
)
def test_a_failed_job_says_why(workload: Manifest, body: Manifest | None, beginning: str) -> None:
    trouble = trouble_of(body, workload=workload)

    assert trouble is not None
    assert trouble.fatal
    assert trouble.message.startswith(beginning)


def test_a_job_that_a_helper_kept_until_its_limit_needs_no_more_time() -> None:
    seen = observed(session().as_job(), job(TOO_LONG))
    told = Condition(type="Healthy", status="False", reason=Failure.HELPER_GOES_ON)
    kept = structs.replace(seen.session, status=structs.replace(seen.session.status, conditions=[told]))
    trouble = find(replace(seen, session=kept))
    assert trouble is not None
    assert (trouble.code, trouble.fatal) == (Failure.HELPER_GOES_ON, True)
    assert "maxAge. Let that end, too" in trouble.message


@pytest.mark.parametrize("phase", ["Running", "Succeeded"])
@pytest.mark.parametrize("workload", [job(), job(condition("Complete", "True"))], ids=["Job active", "Job complete"])
def test_a_sidecar_that_was_killed_at_the_end_does_not_make_a_good_job_fail(phase: str, workload: Manifest) -> None:
    sidecar = container("git-proxy", terminated(143))
    ended = pod(container(state=terminated(0, "Completed")), sidecars=[sidecar], phase=phase)

    assert trouble_of(ended, workload=workload) is None


def test_a_job_that_is_complete_has_not_failed_though_its_pods_latest_news_are_old() -> None:
    stale = pod(container(state=waiting("ImagePullBackOff", BACK_OFF)))

    assert trouble_of(stale, workload=job(condition("Complete", "True"))) is None


def test_every_sentence_ends_once() -> None:
    bodies = (entry[1] for entry in (*FATAL.values(), *WARNINGS.values()))
    for trouble in map(trouble_of, bodies):
        assert trouble is not None
        assert not {"..", ". .", ",.", ";."} & {trouble.message[i : i + 2] for i in range(len(trouble.message))}


def test_a_container_that_runs_again_after_a_crash_is_not_a_trouble_by_itself() -> None:
    """It is not reported as recovered at once: that is up to `linger`."""
    assert trouble_of(pod(container(state=running(), last=CRASHED)), already_failed=True) is None


def test_a_repository_that_is_left_out_for_another_revision_of_it_is_named_with_the_remedy() -> None:
    builder = session().with_repository("https://git.example.org/x.git", revision="v1")
    seen = observed(builder.with_repository("https://git.example.org/x", revision="v2"), statefulset(), pod())
    message = (
        "spec.codeRepositories[1] is not cloned: spec.codeRepositories[0] already has the folder x, at the revision v1."
        " To have both, create the session again with another clonePath for one of them."
    )
    assert find(seen) == Diagnosis(Failure.CLONE_INCOMPLETE, message, fatal=False, aside=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", "HEAD"),
        (" main", "refs/heads/main"),
        ("refs/tags/v1", "v1"),
        ("ABC1234", "abc1234def0abc1234def0abc1234def0abc1234"),
    ],
)
def test_a_repository_that_is_listed_again_at_the_same_revision_is_not_missed(one: str, other: str) -> None:
    builder = session().with_repository("https://git.example.org/x.git", revision=one)
    assert find(observed(builder.with_repository("https://git.example.org/x", revision=other), statefulset())) is None


@pytest.mark.parametrize(
    ("one", "other"), [("20240101", "20240101-hotfix"), ("20240101", "202401011200"), ("refs/heads/x", "refs/tags/x")]
)
def test_a_revision_that_only_begins_like_another_is_missed(one: str, other: str) -> None:
    builder = session().with_repository("https://git.example.org/x.git", revision=one)
    found = find(observed(builder.with_repository("https://git.example.org/x", revision=other), statefulset(), pod()))
    assert found is not None
    assert found.code is Failure.CLONE_INCOMPLETE
