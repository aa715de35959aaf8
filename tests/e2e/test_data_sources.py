"""Data sources on real pods, of the lab's StorageClass under rclone's name: mounted as asked for, and gone again."""

import pytest

from lab.admin import Admin, CommandError
from tests.e2e.specs import STARTS, opened_at
from tests.support.world import World

SOURCES = [
    {"mountPath": "/data/read", "accessMode": "ReadOnlyMany", "secretRef": {"name": "one"}},
    {"mountPath": "written", "accessMode": "ReadWriteOnce", "secretRef": {"name": "two"}},
]


def test_data_sources_are_mounted_as_asked_for_and_go_when_they_are_taken_out(
    world: World, name: str, cluster: Admin
) -> None:
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
