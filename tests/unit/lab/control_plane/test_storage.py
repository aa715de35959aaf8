"""A cluster that goes away takes its own volumes with it, and nobody else's files."""

from pathlib import Path

import pytest

from lab.control_plane import storage


def test_only_folders_that_the_provisioner_made_are_removed() -> None:
    volumes = [
        {"spec": {"hostPath": {"path": "/tmp/hostpath_pv/one"}}},
        {"spec": {"hostPath": {"path": "/home/somebody"}}},
        {"spec": {"hostPath": {"path": "/tmp/hostpath_pv"}}},
        {"spec": {"hostPath": {"path": "/tmp/hostpath_pv/one/deeper"}}},
        {"spec": {"hostPath": {"path": "/tmp/hostpath_pv/.."}}},
        {"spec": {"csi": {"driver": "x"}}},
    ]
    assert storage.folders(volumes) == [Path("/tmp/hostpath_pv/one")]


def test_a_cluster_that_is_down_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.programs.binaries.path", lambda _: Path("/bin/false"))
    monkeypatch.setattr(storage, "VOLUMES", tmp_path)
    storage.remove_volumes(tmp_path / "kubeconfig")
    assert tmp_path.exists()
