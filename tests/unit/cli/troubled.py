"""Sessions that do not run, and why: the part of the `scenarios.py` that nobody wants to be in."""

from collections.abc import Callable
from dataclasses import replace

from amalthea.api import names
from amalthea.api.reasons import ConditionType, Reason
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.model.findings import Finding
from amalthea.testing import observations as found
from tests.unit.cli.beginnings import DOOR, WORKLOAD, began, leaving, ran
from tests.unit.cli.lives import PENDING, Life, at
from tests.unit.cli.parts import LAB, STARTED, event


def waits_for_image(said: str, image: str = "example.org/lab:1") -> Life:
    """Return a session whose image is not pulled."""
    waits = found.container(state=found.waiting("ImagePullBackOff", f'Back-off pulling image "{image}": {said}'))
    return began().meet(WORKLOAD, found.pod(waits, DOOR, phase="Pending")).look(at("13:00:35"))


def failed_for_a_bad_image() -> SessionSnapshot:
    life = waits_for_image("ErrImagePull: not found")
    said = "The session cannot run. " + life.status["error"]
    failed = event("AmaltheaSession/demo", "Failed", said, "13:00:35", warning=True)
    back_off = event("Pod/demo-0", "BackOff", 'Back-off pulling image "example.org/lab:1"', "15:09:30", count=480)
    return life.known(*STARTED[1:4], failed, back_off)


def image_refused() -> SessionSnapshot:
    return waits_for_image("ErrImagePull: pull access denied, may require authorization").known()


def registry_down() -> SessionSnapshot:
    return waits_for_image("ErrImagePull: dial tcp: lookup example.org: no such host").known()


def failed_for_a_quota() -> SessionSnapshot:
    message = (
        'create Pod demo-0 in StatefulSet demo failed error: pods "demo-0" is forbidden: exceeded quota: team,'
        " requested: limits.memory=4Gi, used: limits.memory=14Gi, limited: limits.memory=16Gi"
    )
    asked = found.event(found.WORKLOAD_UID, "FailedCreate", message, "2026-11-22T13:00:15Z")
    life = replace(began(), asked=(asked,)).look(at("13:00:20"))
    return life.known(event("StatefulSet/demo", "FailedCreate", message, "15:08:00", count=18, warning=True))


def out_of_memory() -> SessionSnapshot:
    killed = found.terminated(137, "OOMKilled")
    pod = found.pod(found.container(state=found.waiting("CrashLoopBackOff"), last=killed), DOOR)
    lab = LAB.with_session(resources={"limits": {"memory": "2Gi"}})
    return began(lab).meet(WORKLOAD, pod).look(at("13:05:00")).known(*STARTED[1:])


def crashed() -> SessionSnapshot:
    last = found.terminated(1, "Error", "jupyter: bad config")
    pod = found.pod(found.container(state=found.waiting("CrashLoopBackOff"), last=last), DOOR)
    return began().meet(WORKLOAD, pod).look(at("13:05:00")).known()


def door_misconfigured() -> SessionSnapshot:
    last = found.terminated(2, "Error", "the key auth of the secret lacks token")
    door = found.container("authproxy", found.waiting("CrashLoopBackOff"), last=last)
    return began().meet(WORKLOAD, found.pod(found.container(ready=True), door)).look(at("13:00:41")).known()


def clone_failed() -> SessionSnapshot:
    said = "https://git.example.org/private.git could not be cloned: the server asks for credentials. Give the "
    last = found.terminated(1, "Error", said + "repository cloningConfigSecretRef.")
    clone = found.container("git-clone-0", found.waiting("CrashLoopBackOff"), last=last)
    waits = [found.container(name, found.waiting("PodInitializing")) for name in (names.CONTAINER_SESSION, "authproxy")]
    lab = LAB.with_repository("https://git.example.org/private.git")
    return began(lab).meet(WORKLOAD, found.pod(*waits, init=[clone], phase="Pending")).look(at("13:00:41")).known()


def secret_missing() -> SessionSnapshot:
    waits = found.waiting("CreateContainerConfigError", 'secret "db-password" not found')
    pod = found.pod(found.container(state=waits), DOOR, phase="Pending")
    return began().meet(WORKLOAD, pod).look(at("13:00:20")).known()


def no_such_storage_class() -> SessionSnapshot:
    pod = found.unscheduled_pod("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
    said = 'storageclass.storage.k8s.io "fast" not found'
    asked = found.event(found.CLAIM_UID, "ProvisioningFailed", said, "2026-11-22T13:04:00Z")
    life = replace(began(), claim=PENDING, asked=(asked,)).meet(WORKLOAD, pod)
    return (
        life.look(at("13:05:00"))
        .look(at("13:10:01"))
        .known(event("PersistentVolumeClaim/demo", "ProvisioningFailed", said, "15:09:00", count=9, warning=True))
    )


def name_taken() -> SessionSnapshot:
    said = "The Service demo belongs to somebody else; delete it, or give the session another name."
    taken = Finding(ConditionType.CHILDREN_IN_PLACE, Reason.NAME_TAKEN, said, fatal=True)
    return replace(Life(LAB), claim=None).look(at("13:00:01"), findings=[taken]).known()


def invalid_spec() -> SessionSnapshot:
    bad = LAB.with_spec(authentication={"secretRef": {"key": None}}, culling={"maxAge": "soon"})
    return replace(Life(bad), claim=None).look(at("13:00:01")).known()


def no_room_for_too_long() -> SessionSnapshot:
    pod = found.unscheduled_pod("0/3 nodes are available: 3 Insufficient memory.")
    life = replace(began(), claim=PENDING, asked=()).meet(WORKLOAD, pod)
    return life.look(at("13:05:00")).look(at("13:10:01")).known()


def node_lost() -> SessionSnapshot:
    return ran().meet(WORKLOAD, leaving("14:00:00")).look(at("13:59:30")).look(at("14:01:00")).known()


TROUBLED: tuple[Callable[[], SessionSnapshot], ...] = (
    no_room_for_too_long,
    node_lost,
    failed_for_a_bad_image,
    image_refused,
    registry_down,
    failed_for_a_quota,
    out_of_memory,
    crashed,
    door_misconfigured,
    clone_failed,
    secret_missing,
    no_such_storage_class,
    name_taken,
    invalid_spec,
)
