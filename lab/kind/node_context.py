"""The files that the node image of kind is built from: images that a node starts with, and the node's own files.

What kind's own images have comes from kind's module: its files, its manifest of the storage, and the names in that.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.base.progress import Progress
from lab.images import builders as image_builders
from lab.images import images
from lab.images.builders import Builder, Recipe
from lab.kind import program_images
from lab.kind.program_images import ProgramImage
from lab.programs import binaries, versions
from lab.programs.gobuild import BuildError

HERE = Path(__file__).parent / "node"
NODE_PROGRAMS = ("kubeadm", "kubelet", "kubectl")
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "coredns")
NO_NETWORK = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: pod-network
  namespace: kube-system
data:
  is-in: the node image, /etc/cni/net.d
"""
"""kind applies a manifest of the pods' network. A single node needs plugins and their configuration, and no pods."""
_STORAGE = "pkg/build/nodeimage/const_storage.go"
_REGISTRIES = """
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
"""


def write(context: Path, builder: Builder, progress: Progress) -> None:
    """Fill the folder `context` but for Debian itself; raise BuildError."""
    names, sources = kubeadm_images(), binaries.sources("kind", progress)
    provisioner, helper, storage = storage_of(sources)
    _write_files(context / "files", sources, names["pause"], storage)
    shutil.copy2(HERE / "Dockerfile", context)
    folder = context / "images"
    folder.mkdir()
    program_images.write(folder / "programs.tar", _program_images(names, provisioner))
    pause = images.IMAGES["pause"].reference
    shutil.copy2(images.archive("pause", progress, builder), folder / "pause.tar")
    _build_proxy(names["kube-proxy"], folder / "kube-proxy.tar", builder, progress)
    (folder / "names").write_text(f"{pause} {names['pause']}\n{names['kube-proxy']} {helper}\n")


def kubeadm_images() -> dict[str, str]:
    """Return the names of the images that kubeadm expects, by the last part of each name; raise BuildError."""
    version = f"--kubernetes-version=v{versions.KUBERNETES}"
    listed = image_builders.run((str(binaries.path("kubeadm")), "config", "images", "list", version))
    return {name.rpartition("/")[2].partition(":")[0]: name for name in listed.split()}


def storage_of(sources: Path) -> tuple[str, str, str]:
    """Return two names of images, the provisioner's and its helper's, and the manifest (YAML) that names them."""
    text = (sources / _STORAGE).read_text()
    constants = dict(re.findall(r'^const (\w+) = "(.+)"$', text, re.MULTILINE))
    (manifest,) = re.findall(r"^const defaultStorageManifest = `\n(.*)^`$", text, re.MULTILINE | re.DOTALL)
    for name, value in constants.items():
        manifest = manifest.replace(f"` + {name} + `", value)
    return constants["storageProvisionerImage"], constants["storageHelperImage"], manifest


def _program_images(names: Mapping[str, str], provisioner: str) -> list[ProgramImage]:
    own = {
        provisioner: "local-path-provisioner",
        f"docker.io/library/traefik:v{versions.TRAEFIK}": "traefik",
        f"registry.k8s.io/metrics-server/metrics-server:v{versions.METRICS_SERVER}": "metrics-server",
    }
    programs = {**{names[program]: program for program in CONTROL_PLANE}, **own}
    return [ProgramImage(name, binaries.path(program)) for name, program in programs.items()]


def _build_proxy(name: str, target: Path, builder: Builder, progress: Progress) -> None:
    base = builder.debian(progress)
    with TemporaryDirectory(prefix="amalthea-kube-proxy-") as folder, progress.step("Building the image of kube-proxy"):
        shutil.copy2(HERE / "proxy.Dockerfile", folder)
        shutil.copy2(binaries.path("kube-proxy"), folder)
        builder.build(Recipe(name, Path(folder), "proxy.Dockerfile", {"BASE": base} if base else {}), target)


def _write_files(target: Path, sources: Path, pause: str, storage: str) -> None:
    """Write what lies over Debian in the node: kind's files, ours, and the programs."""
    shutil.copytree(sources / "images/base/files", target)
    shutil.copytree(HERE / "files", target, dirs_exist_ok=True)
    # Go keeps sources without their modes.
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    text = {
        "etc/containerd/config.toml": containerd_configuration(sources, pause),
        "kind/manifests/default-cni.yaml": NO_NETWORK,
        "kind/manifests/default-storage.yaml": storage,
        "kind/version": f"v{versions.KUBERNETES}",
    }
    (target / "kind/manifests").mkdir()
    for name, content in text.items():
        (target / name).write_text(content)
    (target / "usr/bin").mkdir()
    for program in NODE_PROGRAMS:
        shutil.copy2(binaries.path(program), target / "usr/bin")


def containerd_configuration(sources: Path, pause: str) -> str:
    """Return kind's configuration of containerd (TOML) for the image `pause`, with folders for registries.

    It also goes without CAP_SYS_RESOURCE, which some machines do not have to give.
    """
    text = (sources / "images/base/files/etc/containerd/config.toml").read_text()
    text, pauses = re.subn(r"(sandbox_image) = .*", rf'\1 = "{pause}"', text)
    text, scores = re.subn(r"(restrict_oom_score_adj) = .*", r"\1 = true", text)
    if (pauses, scores) != (1, 1):
        raise BuildError("kind's configuration of containerd is not the one that its node image was written for")
    return text + _REGISTRIES
