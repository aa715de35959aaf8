"""Gives each claim for the lab's storage a folder on this machine's disk, lets it grow, and removes it at the end.

Kubernetes' own host path provisioner is not used: what it makes belongs to root alone, so that no session could
write there, and it cannot grow. These are volumes of type `local`, where a pod's fsGroup counts as on real disks.
Started by `lab.node.node` as a program of its own: `python -m lab.node.provisioner URL CA CERTIFICATE KEY FOLDER`.
"""

import http.client
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from lab.base.pki import KeyPair
from lab.control_plane.api import Api, ApiError
from lab.node.layout import NODE

NAME = "amalthea.dev/lab-volumes"
CLAIMS = "/api/v1/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
RECONNECT_DELAY = 0.5

_WANTED_FROM = "volume.kubernetes.io/storage-provisioner"
_MADE_BY = "pv.kubernetes.io/provisioned-by"

Manifest = dict[str, Any]


def volume_for(claim: Manifest, folders: Path) -> Manifest | None:
    """Return the PersistentVolume that `claim` waits for, or None if it waits for none of ours."""
    metadata, spec = claim["metadata"], claim["spec"]
    if metadata.get("annotations", {}).get(_WANTED_FROM) != NAME or spec.get("volumeName"):
        return None
    name = f"pvc-{metadata['uid']}"
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {_MADE_BY: NAME}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{key: metadata[key] for key in ("namespace", "name", "uid")},
            },
            "local": {"path": str(folders / name)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def new_size(claim: Manifest) -> str | None:
    """Return the size that a bound claim asks for and does not have yet; the API server lets none shrink."""
    if claim["metadata"].get("annotations", {}).get(_WANTED_FROM) != NAME or claim["status"]["phase"] != "Bound":
        return None
    wanted: str = claim["spec"]["resources"]["requests"]["storage"]
    return wanted if wanted != claim["status"]["capacity"]["storage"] else None


def is_over(volume: Manifest) -> bool:
    """Return whether `volume` is one of ours whose claim is gone."""
    ours = volume["metadata"].get("annotations", {}).get(_MADE_BY) == NAME
    return bool(ours and volume.get("status", {}).get("phase") == "Released")


class Provisioner:
    """Acts on claims and volumes one at a time; everything may be done again without harm."""

    def __init__(self, api: Api, folders: Path) -> None:
        self._api = api
        self._folders = folders

    def claim_changed(self, claim: Manifest) -> None:
        """Make the volume that a claim waits for, or let it grow."""
        if volume := volume_for(claim, self._folders):
            (self._folders / volume["metadata"]["name"]).mkdir(parents=True, exist_ok=True)
            self._api.post(VOLUMES, volume)
        elif size := new_size(claim):
            metadata = claim["metadata"]
            path = f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}/status"
            capacity = {"capacity": {"storage": size}}
            self._api.patch(f"{VOLUMES}/{claim['spec']['volumeName']}", {"spec": capacity})
            self._api.patch(path, {"status": {**capacity, "conditions": None}})

    def volume_changed(self, volume: Manifest) -> None:
        """Remove the folder of a volume that is no longer claimed, and then the volume."""
        name = volume["metadata"]["name"]
        if is_over(volume) and "deletionTimestamp" not in volume["metadata"]:
            shutil.rmtree(self._folders / name, ignore_errors=True)
            self._api.delete(f"{VOLUMES}/{name}")


def follow(api: Api, path: str, changed: Callable[[Manifest], None]) -> None:
    """Call `changed` with each object at `path` that exists, appears or changes, forever.

    After any failure it connects again, and then every object comes once more.
    """
    while True:
        with suppress(OSError, ApiError, http.client.HTTPException):
            for event in api.watch(path):
                if event["type"] in {"ADDED", "MODIFIED"}:
                    _tolerant(changed, event["object"])
        time.sleep(RECONNECT_DELAY)


def _tolerant(changed: Callable[[Manifest], None], found: Manifest) -> None:
    """Ignore what somebody, or this program before its restart, has already done."""
    try:
        changed(found)
    except ApiError as error:
        if error.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
            print(f"{found['metadata']['name']}: {error}", file=sys.stderr, flush=True)
            raise


def main(arguments: list[str]) -> None:
    """Work until killed."""
    url, authority, certificate, key, folders = arguments
    api = Api(url, Path(authority), KeyPair(Path(certificate), Path(key)))
    provisioner = Provisioner(api, Path(folders))
    threading.Thread(target=follow, args=(api, VOLUMES, provisioner.volume_changed), daemon=True).start()
    follow(api, CLAIMS, provisioner.claim_changed)


if __name__ == "__main__":
    main(sys.argv[1:])
