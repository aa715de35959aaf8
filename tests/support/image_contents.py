"""The files and the user of a built image, read from its archive: nothing is unpacked, and nothing runs.

`python -m tests.support.image_contents IMAGE PATH` writes one file of an image to the standard output.
"""

import json
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lab.images import images

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_CAPABILITIES = "SCHILY.xattr.security.capability"


@dataclass(frozen=True)
class File:
    """A path's last version, and which layer holds it."""

    entry: tarfile.TarInfo
    layer: str

    @property
    def gives_rights(self) -> bool:
        """Return whether its user may gain rights that they do not have: setuid, setgid or file capabilities."""
        special = self.entry.mode & 0o6000 and not self.entry.isdir()
        return bool(special) or _CAPABILITIES in self.entry.pax_headers


@dataclass(frozen=True)
class Contents:
    """All files of an image, by their paths without the first slash, and the user that its Dockerfile names."""

    archive: Path
    user: str
    files: dict[str, File]

    def read(self, path: str) -> bytes:
        """Return the bytes of a regular file; raise KeyError where there is none."""
        file = self.files[path]
        with tarfile.open(self.archive) as archive, tarfile.open(fileobj=_member(archive, file.layer)) as layer:
            return _member(layer, file.entry).read()

    def debian_versions(self) -> dict[str, str]:
        """Return the versions of the installed Debian packages, by their names."""
        stanzas = self.read("var/lib/dpkg/status").decode().split("\n\n")
        packages = [dict(line.split(": ", 1) for line in each.splitlines() if ": " in line[:40]) for each in stanzas]
        return {each["Package"]: each["Version"] for each in packages if each.get("Status", "").endswith(" installed")}


def read(path: Path) -> Contents:
    """Read a docker-archive. Upper layers replace and remove what lower ones hold (OCI image layer specification)."""
    files: dict[str, File] = {}
    with tarfile.open(path) as archive:
        manifest = json.load(_member(archive, "manifest.json"))[0]
        user = json.load(_member(archive, manifest["Config"]))["config"].get("User", "")
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=_member(archive, name)) as layer:
                _add(layer.getmembers(), name, files)
    return Contents(path, user, files)


def _add(entries: list[tarfile.TarInfo], layer: str, files: dict[str, File]) -> None:
    added = {_path(entry): File(entry, layer) for entry in entries}
    for path in added:
        folder, _, name = path.rpartition("/")
        if name == _OPAQUE:
            _remove_below(folder, files)
        elif name.startswith(_WHITEOUT):
            removed = f"{folder}/{name.removeprefix(_WHITEOUT)}".lstrip("/")
            files.pop(removed, None)
            _remove_below(removed, files)
    files.update({path: file for path, file in added.items() if not path.rpartition("/")[2].startswith(_WHITEOUT)})


def _remove_below(folder: str, files: dict[str, File]) -> None:
    for path in [path for path in files if path.startswith(f"{folder}/")]:
        del files[path]


def _path(entry: tarfile.TarInfo) -> str:
    return entry.name.removeprefix("./").strip("/")


def _member(archive: tarfile.TarFile, name: str | tarfile.TarInfo) -> IO[bytes]:
    member = archive.extractfile(name)
    assert member is not None, name
    return member


if __name__ == "__main__":
    sys.stdout.buffer.write(read(images.archive(sys.argv[1])).read(sys.argv[2]))
