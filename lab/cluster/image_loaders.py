"""Brings images into the cluster that is up: the lab's own node, or a kind cluster.

`python -m lab images load`; images are built first where needed, by `lab.images.images`.
"""

from collections.abc import Sequence
from pathlib import Path

from lab.base import state
from lab.base.progress import Progress
from lab.base.system import MachineError
from lab.cluster import admin
from lab.images import images
from lab.kind import cluster as kind
from lab.node import containerd
from lab.node.layout import Layout


def load(names: Sequence[str], progress: Progress) -> None:
    """Build the named images, or those of a session where none is named, and bring them into what is up.

    Raise BuildError where one cannot be built, MachineError where no cluster is up or it takes none.
    """
    for name in names or images.SESSION_IMAGES:
        archive = images.archive(name, progress)
        with progress.step(f"Loading image {name}"):
            _load(images.IMAGES[name], archive)


def _load(image: images.Image, archive: Path) -> None:
    """Bring it also into the cluster that all others use, which need not be the only one that is up.

    It gets the name that it is published by as well, so that chart and samples find it as they are.
    """
    layout = Layout()
    if admin.wanted_profile() == "kind" and state.kubeconfig("kind").exists():
        kind.load(archive)
        kind.name(image.reference, image.released)
    elif admin.wanted_profile() == "full" and containerd.answers(layout):
        containerd.load(layout, image.reference, archive)
        containerd.name(layout, image.reference, image.released)
    else:
        raise MachineError("No cluster is up that takes images. Start one with `python -m lab up`.")
