"""Volumes from the machine's own disk: the StorageClass, and their removal when a cluster goes away.

The controller manager's host path provisioner makes a folder per PersistentVolume, always below the same folder,
which all clusters of the machine share. So each removes its own, by its own list of PersistentVolumes.
"""

import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.control_plane.api import Api
from lab.programs import binaries

VOLUMES = Path("/tmp/hostpath_pv")  # noqa: S108 - the provisioner's choice
TIMEOUT = "5s"

STORAGE_CLASS: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "hostpath",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "kubernetes.io/host-path",
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
    # The provisioner cannot resize, and need not: a folder has no size. It lets users ask for it.
    "allowVolumeExpansion": True,
}


def add_storage_class(api: Api) -> None:
    """Make the default StorageClass of a cluster that has just been started."""
    api.post("/apis/storage.k8s.io/v1/storageclasses", STORAGE_CLASS)


def remove_volumes(kubeconfig: Path) -> None:
    """Remove the folders of a cluster's volumes, while its API server still runs; if that is down, they stay."""
    kubectl = [str(binaries.path("kubectl")), "--kubeconfig", str(kubeconfig), "--request-timeout", TIMEOUT]
    done = subprocess.run(
        [*kubectl, "get", "persistentvolumes", "--output=json"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return
    for path in folders(json.loads(done.stdout)["items"]):
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        VOLUMES.rmdir()


def folders(volumes: list[dict[str, Any]]) -> list[Path]:
    """Return the folders that the provisioner made for PersistentVolumes, and none that somebody else's names."""
    paths = [volume["spec"].get("hostPath", {}).get("path", "/") for volume in volumes]
    return [path for path in map(Path, map(os.path.normpath, paths)) if path.parent == VOLUMES]
