"""The profile kind, for machines with Docker: the same cluster as the full node's, made with kind, without root.

Names of storage classes, ingress class and port are those of `lab.addons`; the manifests are in addons.yaml.
kind and kubectl must be installed.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from lab import addons, preflight, state, versions
from lab.image_builders import docker_answers
from lab.layout import http_port
from lab.progress import Progress
from lab.system import MachineError

CLUSTER = "amalthea-lab"
PROVISIONER = "rancher.io/local-path"
ADDONS = Path(__file__).parent / "addons.yaml"
NODE_IMAGE = "AMALTHEA_KIND_NODE_IMAGE"
"""The variable that names the image of the node."""
_NAMED = ("--name", CLUSTER)
CREATE = ("kind", "create", "cluster", *_NAMED, "--config=-", "--wait=180s")
"""The command that makes the cluster; its configuration comes from standard input."""


class KindError(MachineError):
    """A command of kind or kubectl that failed; the text says which, and what it said."""


def up(progress: Progress) -> None:
    """Return when the cluster is there and its add-ons are ready; raise MachineError."""
    require_tools()
    folder, kubeconfig = state.folder("kind"), f"--kubeconfig={state.kubeconfig('kind')}"
    if CLUSTER in _run("kind", "get", "clusters").split():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _run("kind", "export", "kubeconfig", *_NAMED, kubeconfig)
    else:
        preflight.require_free_port(http_port())
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with progress.step("Making a cluster with kind"):
            _run(*CREATE, kubeconfig, given=json.dumps(configuration(http_port())))
        (folder / "http-port").write_text(str(http_port()))
    with progress.step("Starting the add-ons"):
        _kubectl("apply", "--server-side", "--filename=-", given=addons.as_list(objects()))
        _kubectl("apply", "--server-side", "--filename=-", given=manifests())
        for name in ("traefik", "metrics-server"):
            _kubectl("rollout", "status", "--namespace=kube-system", f"deployment/{name}", "--timeout=180s")


def down(progress: Progress) -> None:
    """Delete the cluster and all that is in it."""
    require_tools()
    with progress.step("Deleting the kind cluster"):
        _run("kind", "delete", "cluster", *_NAMED)
        shutil.rmtree(state.folder("kind"), ignore_errors=True)


def status() -> list[str]:
    """Return lines about the cluster as a whole."""
    return _kubectl("get", "nodes").splitlines()


def load(archive: Path) -> None:
    """Bring the image of a docker-archive into the cluster; raise KindError."""
    _run("kind", "load", "image-archive", str(archive), *_NAMED)


def name(reference: str, other: str) -> None:
    """Give an image of the node another name as well; raise KindError."""
    _run(
        "docker",
        "exec",
        f"{CLUSTER}-control-plane",
        "ctr",
        "--namespace=k8s.io",
        *("images", "tag", "--force"),
        reference,
        other,
    )


def require_tools() -> None:
    """Raise MachineError where Docker, kind or kubectl is missing."""
    missing = [name for name in ("kind", "kubectl") if shutil.which(name) is None]
    if not docker_answers():
        missing.insert(0, "a running Docker engine")
    if missing:
        raise MachineError(
            f"Missing here: {', '.join(missing)}. A kind cluster needs Docker, kind and kubectl. "
            "Without them, `sudo python -m lab up` makes a cluster on Debian without Docker."
        )


def configuration(port: int) -> dict[str, Any]:
    """Return kind's configuration: one node, whose port 80 is 127.0.0.1:`port` of this machine.

    Its image is kind's own, which is pulled, unless the environment names another.
    """
    flag, plugins = "enable-admission-plugins", "NodeRestriction,OwnerReferencesPermissionEnforcement"
    # kind writes the one up to Kubernetes 1.35 and the other from then on, and applies the patch of its own version.
    arguments = {"v1beta3": {flag: plugins}, "v1beta4": [{"name": flag, "value": plugins}]}
    patches = [
        {
            "kind": "ClusterConfiguration",
            "apiVersion": f"kubeadm.k8s.io/{version}",
            "apiServer": {"extraArgs": each},
        }
        for version, each in arguments.items()
    ]
    mapping = {"containerPort": 80, "hostPort": port, "listenAddress": "127.0.0.1", "protocol": "TCP"}
    image = {"image": chosen} if (chosen := os.environ.get(NODE_IMAGE)) else {}
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kubeadmConfigPatches": [json.dumps(patch) for patch in patches],
        "nodes": [{"role": "control-plane", "extraPortMappings": [mapping], **image}],
    }


def objects() -> list[dict[str, Any]]:
    """Return the storage classes and the ingress class. kind's provisioner waits for a pod, and resizes nothing."""
    waits = {"volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": False}
    return [*({**one, **waits} for one in addons.storage_classes(PROVISIONER)), addons.ingress_class()]


def manifests() -> str:
    """Return the add-ons that run as pods (YAML), in the versions that the lab's own node runs."""
    text = ADDONS.read_text()
    return text.replace("TRAEFIK_VERSION", versions.TRAEFIK).replace("METRICS_SERVER_VERSION", versions.METRICS_SERVER)


def _kubectl(*arguments: str, given: str | None = None) -> str:
    return _run("kubectl", f"--kubeconfig={state.kubeconfig('kind')}", *arguments, given=given)


def _run(*command: str, given: str | None = None) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KindError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout
