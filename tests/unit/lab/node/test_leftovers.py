"""Leftovers of a stopped node are recognised by the lab's own folders, so that nothing of others is removed."""

from pathlib import Path

import pytest

from lab.node import leftovers
from lab.node.layout import Layout

MOUNTS = """\
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
50 21 0:40 / /run/lab/containerd/rootfs rw - overlay overlay rw
51 21 0:41 / /run/laboratory rw - tmpfs tmpfs rw
52 21 254:0 /x /state/kubelet/pods/1/volumes/a\\040b rw - ext4 /dev/vda rw
53 52 0:42 / /state/kubelet/pods/1/volumes/a\\040b/deeper rw - tmpfs tmpfs rw
"""


def test_only_mounts_below_the_labs_folders_are_removed_the_last_one_first() -> None:
    assert leftovers.mounts_below(MOUNTS, (Path("/state"), Path("/run/lab"))) == [
        "/state/kubelet/pods/1/volumes/a b/deeper",
        "/state/kubelet/pods/1/volumes/a b",
        "/run/lab/containerd/rootfs",
    ]


def test_containers_are_known_without_asking_containerd(tmp_path: Path) -> None:
    layout = Layout(state=tmp_path / "state", run=tmp_path / "run", images=tmp_path / "images")
    assert leftovers.container_ids(layout) == set()
    bundles = layout.containerd_run / "io.containerd.runtime.v2.task/k8s.io"
    for name in ("one", "two"):
        (bundles / name).mkdir(parents=True)
    assert leftovers.container_ids(layout) == {"one", "two"}


def test_clearing_away_twice_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = ("_CGROUPS", "_CONTAINER_LOGS", "_NETWORK_RESULTS", "_SHIM_SOCKETS", "_DEVICE_PLUGINS")
    for name in shared:
        monkeypatch.setattr(leftovers, name, tmp_path / "shared" / name)
    layout = Layout(state=tmp_path / "state", run=tmp_path / "run", images=tmp_path / "images")
    layout.run.mkdir()
    leftovers.clear(layout)
    leftovers.clear(layout)
    assert not layout.run.exists()


def test_links_to_the_logs_of_other_kubelets_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(state=tmp_path / "state", run=tmp_path / "run", images=tmp_path / "images")
    logs = tmp_path / "containers"
    logs.mkdir()
    (logs / "ours.log").symlink_to(layout.pod_logs / "ours/0.log")
    (logs / "theirs.log").symlink_to("/var/log/pods/theirs/0.log")
    monkeypatch.setattr(leftovers, "_CONTAINER_LOGS", logs)
    for name in ("_CGROUPS", "_NETWORK_RESULTS", "_SHIM_SOCKETS", "_DEVICE_PLUGINS"):
        monkeypatch.setattr(leftovers, name, tmp_path / "shared" / name)
    leftovers.clear(layout)
    assert [path.name for path in logs.iterdir()] == ["theirs.log"]
