"""A researcher must learn what is wrong and what to do; and must not be told of a failure where there is none."""

import pytest

from amalthea.api.schema import Manifest
from amalthea.model.failures import Trouble, find
from amalthea.testing.observations import (
    condition,
    container,
    job,
    pod,
    pod_view,
    running,
    terminated,
    unscheduled_pod,
    waiting,
    workload_view,
)

NOT_FOUND = 'failed to pull and unpack image "example.org/lab:1": not found'
BACK_OFF = 'Back-off pulling image "example.org/lab:1"'
NOT_STARTED = "The container amalthea-session does not start: "
NOT_PULLED = NOT_STARTED + (
    "its image cannot be pulled; check the image's name and tag, and that the registry lets you in. "
    "Image: example.org/lab:1."
)
CRASHED = terminated(1, message="Traceback\nValueError: no such file\n")


def trouble_of(body: Manifest, *, already_failed: bool = False, workload: Manifest | None = None) -> Trouble | None:
    owner = workload_view(workload) if workload is not None else None
    return find(owner, pod_view(body), already_failed=already_failed)


FATAL = {
    "the image is not there": (
        pod(container(state=waiting("ImagePullBackOff", f"{BACK_OFF}: ErrImagePull: {NOT_FOUND}"))),
        NOT_PULLED,
        NOT_FOUND,
    ),
    "the image is not there, told by an older kubelet": (
        *(pod(container(state=waiting("ImagePullBackOff", BACK_OFF))), NOT_PULLED, ""),
    ),
    "the image's name is malformed": (
        pod(container(state=waiting("InvalidImageName", "couldn't parse image name"), image="Not An Image")),
        NOT_STARTED + "the name of its image is not valid; correct it. Image: Not An Image.",
        "couldn't parse image name",
    ),
    "the image may not be pulled": (
        pod(container(state=waiting("ErrImageNeverPull"))),
        NOT_STARTED + "its image is not on the node, and the pull policy forbids pulling it. Image: example.org/lab:1.",
        "",
    ),
    "an init container fails": (
        pod(container(state=waiting("PodInitializing")), init=[container("git-clone-0", terminated(128))]),
        "The container git-clone-0 ended with exit code 128; look into its log for the cause.",
        "",
    ),
    "the session ended with a message": (
        pod(container(state=CRASHED)),
        (
            "The container amalthea-session ended with exit code 1; look into its log for the cause. "
            "Its last words: Traceback\nValueError: no such file"
        ),
        "",
    ),
    "out of memory": (
        pod(container(state=terminated(137, "OOMKilled"))),
        "The container amalthea-session ended because it used more memory than its limit; ask for more memory.",
        "",
    ),
    "out of memory again and again": (
        pod(container(state=waiting("CrashLoopBackOff", "back-off 5m0s"), last=terminated(137, "OOMKilled"))),
        "The container amalthea-session ended because it used more memory than its limit; ask for more memory.",
        "",
    ),
    "no such command": (
        pod(container(state=terminated(128, "StartError", "exec: jupyterlap: not found"))),
        NOT_STARTED + "its command cannot be run; check that it exists in the image. exec: jupyterlap: not found",
        "",
    ),
    "crashes before anything is known of it": (
        pod(container(state=waiting("CrashLoopBackOff", "back-off 10s restarting failed container"))),
        NOT_STARTED + "it ends each time right after its start; look into its log for the cause.",
        "",
    ),
    "an image that wants to run as root": (
        pod(container(state=waiting("CreateContainerConfigError", "container has runAsNonRoot and image has root"))),
        NOT_STARTED + "its settings cannot be used; check its user, its environment and its mounts.",
        "container has runAsNonRoot and image has root",
    ),
    "a reason that nobody knows": (
        pod(container("helper", waiting("PlanetsMisaligned", "wait for spring"))),
        "The container helper does not start: Kubernetes gives the reason PlanetsMisaligned.",
        "wait for spring",
    ),
    "evicted, whatever the exit codes say": (
        pod(
            container(state=terminated(137)),
            phase="Failed",
            reason="Evicted",
            message="The node was low on resource: ephemeral-storage.",
        ),
        "The session's pod was stopped (Evicted). The node was low on resource: ephemeral-storage.",
        "",
    ),
}


@pytest.mark.parametrize(("body", "message", "said"), FATAL.values(), ids=FATAL)
def test_a_failure_is_told_with_cause_and_remedy(body: Manifest, message: str, said: str) -> None:
    assert trouble_of(body) == Trouble(message, said, fatal=True)


WARNINGS = {
    "a first failed pull": (
        pod(container(state=waiting("ErrImagePull", NOT_FOUND))),
        NOT_STARTED + "its image could not be pulled yet; Kubernetes tries again. Image: example.org/lab:1.",
        NOT_FOUND,
    ),
    "a secret that is not there yet": (
        pod(container("oauth2-proxy", waiting("CreateContainerConfigError", 'secret "door" not found'))),
        "The container oauth2-proxy waits for a secret or config map that is not there yet.",
        'secret "door" not found',
    ),
    "a config map that is not there yet": (
        pod(container(state=waiting("CreateContainerConfigError", 'configmap "settings" not found'))),
        "The container amalthea-session waits for a secret or config map that is not there yet.",
        'configmap "settings" not found',
    ),
    "a key that is not there yet": (
        pod(container(state=waiting("CreateContainerConfigError", "couldn't find key auth in Secret team/door"))),
        "The container amalthea-session waits for a secret or config map that is not there yet.",
        "couldn't find key auth in Secret team/door",
    ),
    "no room on any node": (
        unscheduled_pod("0/3 nodes are available: 3 Insufficient cpu."),
        "No node can take the session yet.",
        "0/3 nodes are available: 3 Insufficient cpu.",
    ),
}


@pytest.mark.parametrize(("body", "message", "said"), WARNINGS.values(), ids=WARNINGS)
def test_what_may_come_right_by_itself_is_a_warning(body: Manifest, message: str, said: str) -> None:
    assert trouble_of(body) == Trouble(message, said, fatal=False)


NO_TROUBLE = {
    "all is well": pod(container(ready=True)),
    "the image is being pulled": pod(container(state=waiting("ContainerCreating"))),
    "init containers run": pod(container(state=waiting("PodInitializing")), init=[container("git-clone-0")]),
    "the kubelet gave no reason": pod(container(state={"waiting": {}})),
    "the kubelet gave no state": pod(container(state={})),
    "an init container ended well": pod(container(), init=[container("certs", terminated(0, "Completed"))]),
    "it crashed before and runs now": pod(container(last=CRASHED)),
    "stopped on purpose, with an exit code": pod(container(state=terminated(143)), leaving=True),
    "stopped on purpose, evicted": pod(container(), leaving=True, phase="Failed", reason="Evicted"),
    "its volume is on its way": unscheduled_pod("0/1 nodes are available: unbound immediate PersistentVolumeClaims."),
    "not scheduled because it is gated": pod(
        phase="Pending", conditions=[condition("PodScheduled", "False", reason="SchedulingGated")]
    ),
}


@pytest.mark.parametrize("body", NO_TROUBLE.values(), ids=NO_TROUBLE)
def test_what_is_no_failure_is_not_told_as_one(body: Manifest) -> None:
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


def test_a_failure_is_told_rather_than_a_warning_before_it() -> None:
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
        (job(FAILED), None, "The job failed. Job has reached the backoff limit"),
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
def test_a_failed_job_tells_why(workload: Manifest, body: Manifest | None, beginning: str) -> None:
    trouble = find(workload_view(workload), pod_view(body) if body else None, already_failed=False)

    assert trouble is not None
    assert trouble.fatal
    assert trouble.message.startswith(beginning)


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
    bodies = (entry[0] for entry in (*FATAL.values(), *WARNINGS.values()))
    for trouble in map(trouble_of, bodies):
        assert trouble is not None
        assert not {"..", ". .", ",.", ";."} & {trouble.message[i : i + 2] for i in range(len(trouble.message))}


def test_a_container_that_runs_again_after_a_crash_is_no_trouble_by_itself() -> None:
    """That it is not told as recovered at once is the affair of `linger`."""
    assert trouble_of(pod(container(state=running(), last=CRASHED)), already_failed=True) is None
