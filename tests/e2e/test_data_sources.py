"""Data sources on real pods, of the lab's StorageClass under rclone's name: mounted as asked for, and gone again."""

import json
from collections.abc import Iterator

import pytest

from lab.cluster.admin import Admin, CommandError
from tests.e2e.specs import STARTS, opened_at
from tests.support.world import World, condition

SOURCES = [
    {"mountPath": "/data/read", "accessMode": "ReadOnlyMany", "secretRef": {"name": "one"}},
    {"mountPath": "written", "accessMode": "ReadWriteOnce", "secretRef": {"name": "two"}},
]

TOLD_BY_EVENTS = 90.0
"""Seconds within which the kubelet has tried to mount a volume, and its Event explains what no status does."""


def test_data_sources_are_mounted_as_asked_for_and_go_when_they_are_taken_out(
    world: World, name: str, cluster: Admin
) -> None:
    if cluster.profile != "full":
        pytest.skip("the volumes of a kind cluster can be mounted for reading and writing only (ReadWriteOnce)")

    def shell(script: str) -> str:
        pod = f"--namespace={world.namespace}", f"{name}-0", "--container=amalthea-session"
        return cluster.kubectl("exec", *pod, "--", "/bin/sh", "-c", script)

    world.session(name, {**opened_at(name), "dataSources": SOURCES})
    world.wait_for_state(name, "Running", STARTS)
    with pytest.raises(CommandError, match="Read-only file system"):
        shell("touch /data/read/file")
    shell("touch /work/written/file")
    own = world.get("PersistentVolumeClaim", name)
    world.patch_spec(name, hibernated=True, dataSources=None)
    world.wait_for_state(name, "Hibernated", STARTS)
    for index in range(len(SOURCES)):
        world.wait_until_gone("PersistentVolumeClaim", f"amalthea-{name}-ds-{index}", STARTS)
    world.patch_spec(name, hibernated=False)
    world.wait_for_state(name, "Running", STARTS)
    assert shell("ls /data/read 2>/dev/null; grep -c written /proc/mounts || true") == "0\n"
    assert (own or {})["metadata"]["uid"] == world.wait_for("PersistentVolumeClaim", name, bool)["metadata"]["uid"]


@pytest.fixture
def unreachable(world: World, name: str, cluster: Admin) -> Iterator[str]:
    """A volume that waits for the claim of the session's first data source, and whose folder is not there."""
    volume = f"{name}-unreachable"
    claim = {"namespace": world.namespace, "name": f"amalthea-{name}-ds-0"}
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadOnlyMany"],
        "storageClassName": "csi-rclone-secret-annotation",
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim},
        "hostPath": {"path": f"/nowhere/{name}", "type": "Directory"},
    }
    body = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": spec}
    cluster.kubectl("create", "--filename=-", stdin=json.dumps(body))
    yield volume
    cluster.kubectl("delete", "persistentvolume", volume, "--wait=false")


def test_a_data_source_that_cannot_be_mounted_is_told_by_its_path_and_secret(
    world: World, name: str, unreachable: str
) -> None:
    world.session(name, {**opened_at(name), "dataSources": SOURCES})
    claim = f"amalthea-{name}-ds-0"
    world.wait_for("PersistentVolumeClaim", claim, lambda found: found["spec"].get("volumeName") == unreachable, STARTS)
    starting = world.wait_for(
        "AmaltheaSession",
        name,
        lambda found: (condition(found, "Healthy") or {}).get("reason") == "VolumeNotMounted",
        TOLD_BY_EVENTS,
    )
    assert starting["status"]["state"] == "NotReady"
    assert "The data source at /data/read (secret one) cannot be mounted yet" in starting["status"]["error"]
