"""The image of kind's nodes, made of Debian's packages, Go modules and kind's own module where none can be pulled.

It is kept in the cache as a docker-archive.
"""

import platform
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.base import cache, system
from lab.base.progress import Progress
from lab.images import builders as image_builders
from lab.images import images
from lab.images.builders import Recipe, find_builder
from lab.kind import node_context
from lab.programs import binaries, versions

SUITE = "bookworm"
PACKAGES = (
    *("systemd", "dbus", "containerd", "runc", "containernetworking-plugins"),
    *("conntrack", "iptables", "nftables", "iproute2", "ethtool", "socat", "util-linux", "mount", "kmod", "e2fsprogs"),
    *("libseccomp2", "pigz", "procps", "ca-certificates", "curl", "jq"),
)


def reference() -> str:
    """Return its name, which changes with all that it is made from."""
    return f"docker.io/amalthea/kind-node:v{_key()}"


def in_engine(progress: Progress) -> str:
    """Return the name of the image, which Docker's engine has then; raise BuildError or MachineError."""
    name = reference()
    if subprocess.run(("docker", "image", "inspect", name), capture_output=True, check=False).returncode != 0:
        made = archive(progress)
        with progress.step("Loading the node image of kind"):
            image_builders.run(("docker", "load", "--quiet", "--input", str(made)))
    return name


def archive(progress: Progress) -> Path:
    """Return the docker-archive of the image, made first if it is missing; raise BuildError or MachineError."""

    def build_into(folder: Path) -> None:
        _build(folder / images.ARCHIVE, progress)

    folder = cache.artefact("kind-node", _key(), build_into, progress)
    for former in folder.parent.iterdir():
        if former.is_dir() and former != folder and not former.name.startswith("."):
            shutil.rmtree(former, ignore_errors=True)
    return folder / images.ARCHIVE


def _key() -> str:
    parts: list[str | Path] = [platform.machine(), SUITE, *PACKAGES, images.IMAGES["pause"].key(), versions.TRAEFIK]
    parts += [binaries.key(program) for program in binaries.GROUPS["kind-node"] if program != "traefik"]
    parts += [Path(__file__).with_name(name) for name in ("node_context.py", "program_images.py")]
    for file in sorted(path for path in node_context.HERE.rglob("*") if path.is_file()):
        parts += [str(file.relative_to(node_context.HERE)), file]
    return cache.recipe_key(versions.KUBERNETES, *parts)


def _build(target: Path, progress: Progress) -> None:
    binaries.build(["kind-node"], progress)
    system.ensure(system.IMAGE_PACKAGES, progress)
    builder = find_builder(progress)
    with TemporaryDirectory(prefix="amalthea-kind-node-") as folder:
        context = Path(folder)
        with progress.step("Making a Debian 12 from packages, for the nodes of kind"):
            image_builders.run(image_builders.debootstrap_command(PACKAGES, context / "root.tar", SUITE))
        node_context.write(context, builder, progress)
        with progress.step("Building the node image of kind"):
            builder.build(Recipe(reference(), context, "Dockerfile", {}), target)
