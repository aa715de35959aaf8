"""A data source that cannot be had must be named as its user knows it: where it is mounted, and by which secret."""

import pytest

from amalthea.api import names
from amalthea.api.reasons import Failure
from amalthea.api.schema import Manifest
from amalthea.model.diagnosis.checks import find
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.views.observed import Observed
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.observations import (
    POD_UID,
    claim,
    container,
    event,
    observed,
    pod,
    statefulset,
    unscheduled_pod,
    waiting,
    with_claims,
    with_events,
)

BOTH = session().with_data_source("/one", "ds1").with_data_source("two", "ds2")
CREATING = pod(container(state=waiting("ContainerCreating")), phase="Pending")
NO_CLAIM = unscheduled_pod("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
ONE, TWO = "The data source at /one (secret ds1)", "The data source at two (secret ds2)"
MOUNT, ATTACH = (
    "cannot be mounted yet; check the secret and what it points to.",
    "cannot be attached to the session's node",
)
MINE = "A volume of the session cannot be mounted yet; check where its data comes from."


def source(index: int, phase: str = "Bound", secret: str | None = None) -> Manifest:
    """Return the claim of a data source."""
    body = claim(phase)
    metadata = {
        "name": names.data_source_claim("demo", index),
        "uid": f"uid-{index}",
        "annotations": {names.ANNOTATION_RCLONE_SECRET: secret or f"ds{index + 1}"},
    }
    return {**body, "metadata": {**body["metadata"], **metadata}, "spec": {"volumeName": f"pvc-{index}"}}


def own(phase: str = "Bound") -> Manifest:
    return {**claim(phase), "spec": {"volumeName": "pvc-own"}}


def trouble(seen: Observed) -> Diagnosis:
    found = find(seen)
    assert found is not None
    return found


UNMOUNTED = (
    "Unable to attach or mount volumes: unmounted volumes=[amalthea-demo-ds-1], unattached volumes="
    "[amalthea-demo-ds-0 amalthea-demo-ds-1]: timed out waiting for the condition"
)
SAID: dict[str, tuple[str, str, Failure, str]] = {
    "its volume cannot be mounted": (
        "FailedMount",
        'MountVolume.SetUp failed for volume "pvc-1" : rpc error: code = Unknown',
        Failure.VOLUME_NOT_MOUNTED,
        f"{TWO} {MOUNT}",
    ),
    "its volume cannot be mounted from where the session's own name stands": (
        "FailedMount",
        'MountVolume.SetUp failed for volume "pvc-1" : hostPath type check failed: /exports/demo is not a directory',
        Failure.VOLUME_NOT_MOUNTED,
        f"{TWO} {MOUNT}",
    ),
    "the driver does not find the secret": (
        "FailedMount",
        'MountVolume.SetUp failed for volume "pvc-0" : rpc error: secret "ds1" not found',
        Failure.VOLUME_NOT_MOUNTED,
        f"{ONE} {MOUNT}",
    ),
    "named as in the pod, beside others that wait": (
        "FailedMount",
        UNMOUNTED,
        Failure.VOLUME_NOT_MOUNTED,
        f"{TWO} {MOUNT}",
    ),
    "its volume cannot be attached": (
        "FailedAttachVolume",
        'AttachVolume.Attach failed for volume "pvc-0" : timed out',
        Failure.VOLUME_NOT_ATTACHED,
        f"{ONE} {ATTACH} yet; Kubernetes tries again.",
    ),
    "it is in use elsewhere": (
        "FailedAttachVolume",
        'Multi-Attach error for volume "pvc-1"',
        Failure.VOLUME_NOT_ATTACHED,
        f"{TWO} is still in use on another node; the session waits for it.",
    ),
    "the session's own volume": (
        "FailedMount",
        'MountVolume.SetUp failed for volume "pvc-own" : rpc error',
        Failure.VOLUME_NOT_MOUNTED,
        MINE,
    ),
    "a volume whose name only begins like it": (
        "FailedMount",
        'MountVolume.SetUp failed for volume "pvc-11" : rpc error about amalthea-demo-ds-10',
        Failure.VOLUME_NOT_MOUNTED,
        MINE,
    ),
}


@pytest.mark.parametrize(("reason", "said", "code", "message"), SAID.values(), ids=SAID)
def test_a_mount_that_fails_names_its_data_source(reason: str, said: str, code: Failure, message: str) -> None:
    seen = with_claims(observed(BOTH, statefulset(), CREATING), own(), source(0), source(1))

    assert trouble(with_events(seen, event(POD_UID, reason, said))) == Diagnosis(code, message, said, fatal=False)


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (BOTH, f"{TWO} cannot be provisioned; check the secret."),
        (
            session().with_data_source("/one", "ds1"),
            "The data source of the secret ds2 cannot be provisioned; check the secret.",
        ),
    ],
    ids=["of the spec", "of the spec before"],
)
def test_the_user_is_not_sent_to_a_class_and_size_that_they_cannot_set(builder: SessionBuilder, message: str) -> None:
    seen = with_claims(observed(builder, statefulset(), NO_CLAIM), own(), source(0), source(1, "Pending"))
    found = trouble(with_events(seen, event("uid-1", "ProvisioningFailed", "no secret ds2")))

    assert found == Diagnosis(Failure.VOLUME_PENDING, message, "no secret ds2", fatal=False)


def test_a_claim_of_another_source_in_the_same_place_is_not_reported_as_that_of_the_spec() -> None:
    seen = with_claims(observed(BOTH, statefulset(), CREATING), source(0, secret="former"))
    said = 'MountVolume.SetUp failed for volume "pvc-0" : rpc error'

    assert trouble(with_events(seen, event(POD_UID, "FailedMount", said))).message.startswith(
        "The data source of the secret former"
    )
