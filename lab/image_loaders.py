"""Brings images into the cluster that is up: the lab's own node, or a kind cluster.

`python -m lab images load`; images are built first where needed, by `lab.images`.
"""

from collections.abc import Sequence
from pathlib import Path

from lab import containerd, images, kind, state
from lab.layout import Layout
from lab.progress import Progress
from lab.system import MachineError


def load(names: Sequence[str], progress: Progress) -> None:
    """Build the named images, or those of a session where none is named, and bring them into what is up.

    Raise BuildError where one cannot be built, MachineError where no cluster is up or it takes none.
    """
    for name in names or images.SESSION_IMAGES:
        archive = images.archive(name, progress)
        with progress.step(f"Loading image {name}"):
            _load(images.IMAGES[name].reference, archive)


def _load(reference: str, archive: Path) -> None:
    layout = Layout()
    if containerd.answers(layout):
        containerd.load(layout, reference, archive)
    elif state.kubeconfig("kind").exists():
        kind.load(archive)
    else:
        raise MachineError("No cluster is up that takes images. Start one with `python -m lab up`.")
