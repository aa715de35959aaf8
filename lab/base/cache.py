"""Things that take minutes to make and seconds to use again: binaries, base file systems, images.

An artefact is a folder, found by its name and a key (see `recipe_key`). It is built in a folder of its own, published
by one rename, and compared with its manifest before each use, so that a crash or a full disk never leaves half of one.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from lab.base.progress import Progress

MANIFEST = ".manifest.json"


class _Entry(TypedDict):
    size: int
    mtime_ns: int
    sha256: str


def root() -> Path:
    """Return the cache folder: `$AMALTHEA_LAB_CACHE`, else `~/.cache/amalthea-lab`. It may not exist yet."""
    chosen = os.environ.get("AMALTHEA_LAB_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "amalthea-lab"


def recipe_key(version: str, *recipe: str | bytes | Path) -> str:
    """Name what an artefact is made from: its version and a hash over the parts of its recipe.

    A path stands for the contents of that file.
    """
    digest = hashlib.sha256()
    for part in recipe:
        data = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return f"{version}-{digest.hexdigest()[:12]}"


def artefact(name: str, key: str, build: Callable[[Path], None], progress: Progress | None = None) -> Path:
    """Return the folder of artefact `name` with `key`; call `build(folder)` first if it is missing or damaged.

    `build` fills an empty folder and must not keep its path: the folder is renamed afterwards. What `build` raises
    is raised, and nothing is kept. Two processes or threads that ask at once build once: the second one waits.
    """
    folder = root() / name / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    progress = progress or Progress()
    with _locked(folder.with_name(f".{key}.lock"), name, progress):
        if not _sound(folder):
            if folder.exists():
                progress.say(f"  The cached {name} is damaged and is made again")
            _remove_remains(folder)
            _build(folder, build)
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    under_way = folder.with_name(f".{folder.name}.building")
    under_way.mkdir()
    try:
        build(under_way)
        _write_manifest(under_way, {name: _describe(under_way / name) for name in _files(under_way)})
        under_way.rename(folder)
    except BaseException:
        shutil.rmtree(under_way, ignore_errors=True)
        raise


def _remove_remains(folder: Path) -> None:
    """Remove a damaged artefact and what a crashed build left; only called by the holder of the lock."""
    for remains in (folder, folder.with_name(f".{folder.name}.building")):
        if remains.exists():
            shutil.rmtree(remains)


@contextmanager
def _locked(path: Path, name: str, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step(f"Waiting for another process that builds {name}"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder))


def _describe(path: Path) -> _Entry:
    status = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digest}


def _sound(folder: Path) -> bool:
    """Return whether every file is as it was built: by size and time, and by hash where those differ."""
    try:
        manifest: dict[str, _Entry] = json.loads((folder / MANIFEST).read_text())
        touched = [name for name, entry in manifest.items() if not _untouched(folder / name, entry)]
        for name in touched:
            now = _describe(folder / name)
            if now["sha256"] != manifest[name]["sha256"]:
                return False
            manifest[name] = now
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    if touched:
        _write_manifest(folder, manifest)
    return True


def _untouched(path: Path, entry: _Entry) -> bool:
    status = path.stat()
    return status.st_size == entry["size"] and status.st_mtime_ns == entry["mtime_ns"]


def _write_manifest(folder: Path, manifest: dict[str, _Entry]) -> None:
    new = folder / f"{MANIFEST}.new"
    new.write_text(json.dumps(manifest))
    new.replace(folder / MANIFEST)
