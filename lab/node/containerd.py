"""The container runtime of the full node: its configuration, and images brought into it.

It is a containerd of the lab's own, apart from any other on this machine. `lab.node.kubelet` starts pods with it.
"""

import json
import shutil
import subprocess
from pathlib import Path

from lab.base.process import BOOT_ID, Daemon
from lab.base.system import MachineError
from lab.node.layout import DEVICE, POD_RANGE, Layout

PLUGINS = "/usr/lib/cni"
NAMESPACE = "k8s.io"
KEY_LABEL = "amalthea.dev/key"
"""On an image: which build of it this is, by its name in the cache."""

_CONFIGURATION = """\
version = 2
root = "{root}"
state = "{run}"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "{socket}"

[debug]
  level = "warn"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  stream_server_address = "127.0.0.1"
  # Neither is allowed inside many virtual machines and containers: pods would not start.
  disable_apparmor = true
  restrict_oom_score_adj = true
  # Below the lab's own folder, the namespaces of a crashed node can be told from those of others.
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{runc}"
"""


class ImageLoadError(MachineError):
    """An image that could not be brought into the node; the text is what the program said."""


def configuration(layout: Layout, pause: str) -> str:
    """Return containerd's configuration (TOML); `pause` is the image that holds a pod's namespaces."""
    return _CONFIGURATION.format(
        root=layout.images,
        run=layout.containerd_run,
        socket=layout.socket,
        runc=layout.run / "runc",
        pause=pause,
        plugins=PLUGINS,
        networks=layout.configuration / "cni",
    )


def network(layout: Layout) -> str:
    """Return the pods' network (JSON): a pair of devices and a route for each pod, no bridge between them.

    So a pod's answer to another pod passes the host, where kube-proxy's translation of addresses is undone.
    """
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(layout.run / "addresses"),
    }
    pairs = {"type": "ptp", "ipMasq": False, "ipam": addresses}
    return json.dumps({"cniVersion": "0.4.0", "name": DEVICE, "plugins": [pairs]}, indent=2) + "\n"


def daemon(layout: Layout, pause: str) -> Daemon:
    """Write the configuration, and return the daemon that follows it."""
    networks = layout.configuration / "cni"
    networks.mkdir(parents=True, exist_ok=True)
    (networks / "10-amalthea-lab.conflist").write_text(network(layout))
    path = layout.configuration / "containerd.toml"
    path.write_text(configuration(layout, pause))
    _forget_images_of_another_boot(layout.images)
    return Daemon("containerd", ("containerd", "--config", str(path)))


def _forget_images_of_another_boot(images: Path) -> None:
    """Start empty after a boot: files of unpacked images are not flushed, and may be empty after a power cut."""
    mark, boot = images / "boot-id", BOOT_ID.read_text()
    if images.exists() and (not mark.exists() or mark.read_text() != boot):
        shutil.rmtree(images)
    images.mkdir(parents=True, exist_ok=True)
    mark.write_text(boot)


def answers(layout: Layout) -> bool:
    """Return whether containerd takes requests."""
    return _ctr(layout, "version").returncode == 0


def load(layout: Layout, reference: str, archive: Path) -> None:
    """Bring the image of a docker-archive into the node, unless it is there already; raise ImageLoadError."""
    key = archive.parent.name
    same = f'name=={reference},labels."{KEY_LABEL}"=={key}'
    if _checked(layout, "images", "list", "--quiet", same).strip():
        return
    _checked(layout, "images", "import", str(archive))
    _checked(layout, "images", "label", reference, f"{KEY_LABEL}={key}")


def name(layout: Layout, reference: str, other: str) -> None:
    """Give an image that is there another name as well; raise ImageLoadError."""
    _checked(layout, "images", "tag", "--force", reference, other)


def _checked(layout: Layout, *arguments: str) -> str:
    done = _ctr(layout, *arguments)
    if done.returncode != 0:
        raise ImageLoadError(f"`ctr {' '.join(arguments)}` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _ctr(layout: Layout, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ("ctr", "--address", str(layout.socket), "--namespace", NAMESPACE, *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False)
