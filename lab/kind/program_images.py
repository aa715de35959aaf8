"""Images of one static program each, and nothing else: written as a docker-archive, without a builder.

The format is that of `docker save`, which docker, containerd and buildah all read.
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = "/usr/local/bin"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class ProgramImage:
    """An image: its name, and the file of its program on this machine."""

    reference: str
    program: Path


def write(target: Path, images: Sequence[ProgramImage]) -> None:
    """Write all `images` into one docker-archive; the same programs make the same bytes."""
    with tarfile.open(target, "w") as archive:
        manifest = [_add(archive, image) for image in images]
        _add_bytes(archive, "manifest.json", json.dumps(manifest).encode())


def _add(archive: tarfile.TarFile, image: ProgramImage) -> dict[str, Any]:
    """Add an image's layer and configuration, and return its part of the manifest."""
    inside = f"{PATH}/{image.program.name}"
    layer = _layer(inside, image.program.read_bytes())
    digest = hashlib.sha256(layer).hexdigest()
    configuration = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Env": [f"PATH={PATH}"], "Entrypoint": [inside]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    _add_bytes(archive, f"{digest}.tar", layer)
    _add_bytes(archive, name, configuration)
    return {"Config": name, "Layers": [f"{digest}.tar"], "RepoTags": [image.reference]}


def _layer(inside: str, program: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        _add_bytes(layer, inside.lstrip("/"), program, 0o755)
    return buffer.getvalue()


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
