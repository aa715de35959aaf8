"""The root folder of one of the project's images, unpacked, and commands that run in it without a container runtime.

A command gets a private mount namespace: this machine's /proc, /sys, /dev and /tmp are mounted in the root, and so is
the checkout's `src/amalthea`, over the copy that the image has. So an edit of the code needs no new image, and nothing
stays mounted. Each step replaces the one before (`exec`): the process keeps its ID, and gets its signals.
"""

import json
import shutil
import tarfile
from collections.abc import Sequence
from functools import cache as once
from pathlib import Path
from typing import IO

from lab.base import cache
from lab.base.progress import Progress
from lab.base.project import PROJECT
from lab.images import images
from lab.images.images import IMAGES, Image

_WHITEOUT = ".wh."
_MOUNTED_FILES = ("etc/hosts", "etc/resolv.conf")
"""A container runtime mounts these files, too."""
_SCRIPT = """\
set -eu
root=$1 source=$2 user=$3 shown=$4
shift 4
over() { /usr/bin/mount --rbind "$1" "$2"; }
for place in proc sys dev tmp etc/hosts etc/resolv.conf; do over "/$place" "$root/$place"; done
IFS=:
for place in $shown; do mkdir -p "$root$place"; over "$place" "$root$place"; done
for installed in "$root"/opt/amalthea/lib/python3*/site-packages/amalthea; do over "$source" "$installed"; done
if [ -z "$user" ]; then exec /usr/sbin/chroot "$root" "$@"; fi
exec /usr/bin/setpriv --no-new-privs -- /usr/sbin/chroot --userspec="$user" --groups="" "$root" "$@"
"""


@once
def unpacked(name: str) -> Path:
    """Return the root folder of image `name`, made first where it is missing.

    Raise what `lab.images.images.archive` raises where the image cannot be built.
    """
    return cache.artefact(f"root-{name}", _key(IMAGES[name]), lambda folder: _unpack(name, folder)) / "root"


def command(name: str, *words: str, user: str = "", shown: Sequence[Path] = ()) -> list[str]:
    """Return the command that runs `words` in image `name`: as root, or as a `user` such as `1000:1000`.

    It keeps the caller's environment. It needs root, and it starts in the root folder. `shown` are folders of this
    machine that it sees at the same paths.
    """
    return [
        *("/usr/bin/unshare", "--mount", "--", "/bin/sh", "-c", _SCRIPT, "sh"),
        *(str(unpacked(name)), str(PROJECT / "src/amalthea"), user, ":".join(map(str, shown)), *words),
    ]


def _key(image: Image) -> str:
    """Name what the root depends on: all that goes into the image but the package's own code."""
    recipe: list[str | Path] = []
    for each in _and_what_it_uses(image):
        recipe += [PROJECT / file for file in each.files() if "src" not in file.parts]
    return cache.recipe_key("dev", *recipe)


def _and_what_it_uses(image: Image) -> list[Image]:
    return [image, *(each for used in image.uses for each in _and_what_it_uses(IMAGES[used]))]


def _unpack(name: str, folder: Path) -> None:
    root = folder / "root"
    root.mkdir()
    progress = Progress()
    archive_path = images.archive(name, progress)
    with progress.step(f"Unpacking image {name}"), tarfile.open(archive_path) as archive:
        manifest = json.load(_file(archive, "manifest.json"))
        for layer in manifest[0]["Layers"]:
            with tarfile.open(fileobj=_file(archive, layer)) as files:
                _add(files, root)
    for file in _MOUNTED_FILES:
        (root / file).touch()
    for place in ("proc", "sys", "dev", "tmp"):
        (root / place).mkdir(exist_ok=True)


def _add(layer: tarfile.TarFile, root: Path) -> None:
    """Put a layer's files over those of the layers below. A whiteout removes what it names (OCI image layer spec)."""
    for member in layer:
        path = root / member.name
        if path.name.startswith(_WHITEOUT):
            _remove(path.with_name(path.name.removeprefix(_WHITEOUT)))
        elif member.isdev():
            continue
        else:
            if not (member.isdir() and path.is_dir()):
                _remove(path)
            layer.extract(member, root, filter="fully_trusted")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    assert file is not None, name
    return file
