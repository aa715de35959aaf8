"""The defaults of the CRD, as they were at first: what the API server fills into a spec where the user says nothing.

A default that a newer CRD brings appears in specs that nobody has touched. So a value that equals it counts as absent.
The table is frozen: a field that gets a default adds a line, and a line never changes, whatever becomes of the default.
"""

from collections.abc import Iterator, Mapping

from amalthea.api.schema import Manifest

_OF_VARIABLES = {
    "valueFrom.configMapKeyRef.name": "",
    "valueFrom.secretKeyRef.name": "",
}
_OF_CONTAINERS = {
    **{f"env.{path}": value for path, value in _OF_VARIABLES.items()},
    "envFrom.configMapRef.name": "",
    "envFrom.secretRef.name": "",
    "livenessProbe.grpc.service": "",
    "ports.protocol": "TCP",
    "readinessProbe.grpc.service": "",
    "startupProbe.grpc.service": "",
}
_OF_VOLUMES = {
    "azureDisk.fsType": "ext4",
    "azureDisk.readOnly": False,
    "cephfs.secretRef.name": "",
    "cinder.secretRef.name": "",
    "configMap.name": "",
    "csi.nodePublishSecretRef.name": "",
    "flexVolume.secretRef.name": "",
    "iscsi.iscsiInterface": "default",
    "iscsi.secretRef.name": "",
    "projected.sources.configMap.name": "",
    "projected.sources.secret.name": "",
    "rbd.keyring": "/etc/ceph/keyring",
    "rbd.pool": "rbd",
    "rbd.secretRef.name": "",
    "rbd.user": "admin",
    "scaleIO.fsType": "xfs",
    "scaleIO.secretRef.name": "",
    "scaleIO.storageMode": "ThinProvisioned",
    "storageos.secretRef.name": "",
}
_OF_THE_SESSION = {
    **{f"env.{path}": value for path, value in _OF_VARIABLES.items()},
    "imagePullPolicy": "Always",
    "port": 8000,
    "readinessProbe": {},
    "readinessProbe.type": "tcp",
    "runAsGroup": 1000,
    "runAsUser": 1000,
    "storage": {},
    "storage.mountPath": "/workspace",
    "storage.size": "1Gi",
    "stripURLPath": False,
    "urlPath": "/",
}
DEFAULTS: Mapping[str, object] = {
    "authentication.enabled": True,
    "codeRepositories.clonePath": ".",
    "codeRepositories.type": "git",
    "culling.cpuIdleThreshold": "300m",
    "dataSources.accessMode": "ReadOnlyMany",
    "dataSources.mountPath": "data",
    "dataSources.type": "rclone",
    "hibernated": False,
    "ingress.assumeHttps": False,
    "ingress.pathPrefix": "/",
    "ingress.useDefaultClusterTLSCert": False,
    "location": "local",
    "reconcileStrategy": "always",
    "sessionType": "Interactive",
    **{f"session.{path}": value for path, value in _OF_THE_SESSION.items()},
    **{f"initContainers.{path}": value for path, value in _OF_CONTAINERS.items()},
    **{f"extraContainers.{path}": value for path, value in _OF_CONTAINERS.items()},
    **{f"extraVolumes.{path}": value for path, value in _OF_VOLUMES.items()},
}
"""By the path of a field, in which the items of a list are not distinguished."""


def without_defaults(raw_spec: Manifest) -> Manifest:
    """Return a spec without the members that say what the CRD's default says, and without nulls, which say nothing."""
    return dict(_members(raw_spec, ""))


def _members(fields: Manifest, above: str) -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        path = above + name
        said = _said(value, path)
        if said is not None and not (path in DEFAULTS and _same(said, DEFAULTS[path])):
            yield name, said


def _said(value: object, path: str) -> object:
    if isinstance(value, dict):
        return dict(_members(value, f"{path}."))
    if isinstance(value, list):
        return [_said(item, path) for item in value if item is not None]
    return value


def _same(one: object, other: object) -> bool:
    """Return whether both are equal and of one type: in Python 1 is True, in JSON it is not."""
    return type(one) is type(other) and one == other
