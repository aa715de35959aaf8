"""The profile kind, for machines with Docker: the same cluster as the full node's, made with kind, without root.

Names of storage classes, ingress class and port are those of `lab.node.addons`; the manifests are in addons.yaml.
kind and kubectl are those that are installed, else the lab's own.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from lab.base import state
from lab.base.progress import Progress
from lab.base.system import MachineError
from lab.images.builders import docker_answers
from lab.kind import node_image
from lab.node import addons, preflight
from lab.node.layout import http_port
from lab.programs import binaries, versions

CLUSTER = "amalthea-lab"
NODE = f"{CLUSTER}-control-plane"
"""Its only node: a container of this name."""
PROVISIONER = "rancher.io/local-path"
ADDONS = Path(__file__).parent / "addons.yaml"
NODE_IMAGE = "AMALTHEA_KIND_NODE_IMAGE"
"""The variable that names the image of the node."""
NOT_PULLED = "failed to pull image"
"""The words of kind by which it is known that another image is needed."""
_NAMED = ("--name", CLUSTER)
PODS, A_POD = "10.244.0.0/16", "10.244.0.2"
"""The addresses of pods, which kind chooses, and one of them."""
CREATE = ("kind", "create", "cluster", *_NAMED, "--config=-", "--wait=180s")
"""The command that makes the cluster; its configuration comes from standard input."""


class KindError(MachineError):
    """A command of kind or kubectl that failed; the text says which, and what it said."""


def up(progress: Progress) -> None:
    """Return when the cluster is there and its add-ons are ready; raise MachineError."""
    require_engine()
    folder, kubeconfig = state.folder("kind"), f"--kubeconfig={state.kubeconfig('kind')}"
    if CLUSTER in _run("kind", "get", "clusters").split():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _run("kind", "export", "kubeconfig", *_NAMED, kubeconfig)
    else:
        preflight.require_free_port(http_port())
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create(kubeconfig, progress)
        (folder / "http-port").write_text(str(http_port()))
    with progress.step("Starting the add-ons"):
        _kubectl("apply", "--server-side", "--filename=-", given=addons.as_list(objects()))
        _kubectl("apply", "--server-side", "--filename=-", given=manifests())
        for name in ("traefik", "metrics-server"):
            _kubectl("rollout", "status", "--namespace=kube-system", f"deployment/{name}", "--timeout=180s")


def _create(kubeconfig: str, progress: Progress) -> None:
    """Make the cluster, with a node image of our own where that of kind cannot be pulled."""

    def create(image: str | None) -> None:
        with progress.step("Making a cluster with kind"):
            _run(*CREATE, kubeconfig, given=json.dumps(configuration(http_port(), image)))

    try:
        create(chosen := os.environ.get(NODE_IMAGE))
    except KindError as error:
        if chosen or NOT_PULLED not in str(error):
            raise
        progress.say("kind's own node image cannot be pulled here: another one is made from packages.")
        create(node_image.in_engine(progress))


def down(progress: Progress) -> None:
    """Delete the cluster and all that is in it."""
    require_engine()
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
        NODE,
        "ctr",
        "--namespace=k8s.io",
        *("images", "tag", "--force"),
        reference,
        other,
    )


def gateway() -> str:
    """Return the address at which node and pods reach the machine that Docker runs on; raise KindError."""
    return _run("docker", "inspect", "--format={{.NetworkSettings.Networks.kind.Gateway}}", NODE).strip()


def require_engine() -> None:
    """Raise MachineError where no Docker engine answers."""
    if not docker_answers():
        raise MachineError(
            "Missing here: a running Docker engine, which a kind cluster needs. "
            "Without one, `sudo python -m lab up` makes a cluster on Debian without Docker."
        )


def configuration(port: int, image: str | None) -> dict[str, Any]:
    """Return kind's configuration: one node, whose port 80 is 127.0.0.1:`port` of this machine.

    Without an `image` for it kind pulls its own.
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
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kubeadmConfigPatches": [json.dumps(patch) for patch in patches],
        "nodes": [{"role": "control-plane", "extraPortMappings": [mapping], **({"image": image} if image else {})}],
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


def _run(name: str, *arguments: str, given: str | None = None) -> str:
    program = shutil.which(name) or str(binaries.path(name))
    done = subprocess.run((program, *arguments), input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KindError(f"`{' '.join((name, *arguments))}` failed: {done.stderr.strip()}")
    return done.stdout
