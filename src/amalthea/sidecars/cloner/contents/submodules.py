"""Submodules, level by level: what a repository asks for is checked first, and fetched before its files are read.

`git submodule update --recursive` would do both in one process, which had the credentials while it read hostile files.
"""

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from amalthea.sidecars.cloner.access import remote
from amalthea.sidecars.cloner.access.git_environment import Workplace
from amalthea.sidecars.cloner.contents import tree
from amalthea.sidecars.cloner.contents.attempts import Attempts
from amalthea.sidecars.cloner.errors import CloneFailed, GitFailed, Misconfigured
from amalthea.sidecars.cloner.process import git_failures
from amalthea.sidecars.cloner.process.git import Git

MOST = 500
"""Submodules of one clone, those of submodules included."""
DEEPEST = 10
_LINK = b"160000"
_NAMED = 5
"""Folders that are named at most."""
_ENTRY = re.compile(r"submodule\.(?P<name>.+?)\.path\n(?P<path>.*)", re.IGNORECASE | re.DOTALL)
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


@dataclass(frozen=True)
class Submodule:
    """An entry of `.gitmodules` for which the commit has a link."""

    name: str
    path: str
    commit: str


@dataclass(frozen=True)
class _Place:
    """A repository whose submodules are wanted: its files, and where git keeps it."""

    files: Path
    git_folder: Path
    depth: int = 0


def fetch(work: Workplace, clone: Path, address: str, attempts: Attempts) -> list[Path]:
    """Fetch and check out the submodules below `clone` that can be had; return the folders of their files.

    What cannot be had is noted in `attempts`.
    """
    found: list[Path] = []
    waiting = [_Place(clone, clone / ".git")]
    while waiting:
        place = waiting.pop(0)
        doing = f"Fetching the submodules of {address}"
        for wanted in attempts.part(doing, partial(_wanted, work.local, place, address, attempts)) or ():
            if len(found) == MOST or place.depth == DEEPEST:
                attempts.leave_out(_too_many(address))
                return found
            inner = attempts.part(f"Fetching the submodule {wanted.path}", partial(_one, work, place, wanted))
            if inner is not None:
                found.append(inner.files)
                waiting.append(inner)
    return found


def _wanted(git: Git, place: _Place, address: str, attempts: Attempts) -> Sequence[Submodule]:
    """Return the submodules that can be fetched; raise CloneFailed where they cannot be trusted."""
    file = place.files / ".gitmodules"
    named: Mapping[str, str] = {}
    if file.is_file() and not file.is_symlink():
        # Git reads this file, not the commit's: an attribute may have made another text of it (working-tree-encoding).
        named = paths_by_name(git.run("config", "-z", "--file", ".gitmodules", "--list", folder=place.files))
    if len(named) > MOST:
        raise CloneFailed(_too_many(address))
    for name, path in named.items():
        if fault := fault_of(name, path) or fault_among(name, named):
            raise CloneFailed(f"Fetching the submodules of {address} failed: {fault}; ask its owner to correct them.")
    links = _links(git, place)
    if strays := [path for path in links if path not in named.values() and path.isprintable()]:
        attempts.leave_out(
            f"{address} has folders that are repositories of their own, without an address in .gitmodules; they"
            f" stay empty: {', '.join(strays[:_NAMED])}{' …' if len(strays) > _NAMED else ''}."
        )
    return [Submodule(name, path, links[path]) for name, path in named.items() if path in links]


def _links(git: Git, place: _Place) -> Mapping[str, str]:
    """Return the commits of all links to repositories, by their paths."""
    listing = ("--git-dir", str(place.git_folder), "ls-tree", "-r", "-z", "--full-tree", "HEAD")
    with git.reading(*listing) as entries:
        return links_by_path(entries)


def links_by_path(entries: Iterable[bytes]) -> Mapping[str, str]:
    """Return the commits of the links to other repositories among the entries of `git ls-tree -z`."""
    parts = (entry.partition(b"\t") for entry in entries if entry.startswith(_LINK))
    return {os.fsdecode(path): head.split()[2].decode() for head, _, path in parts}


def paths_by_name(listed: str) -> Mapping[str, str]:
    """Return the submodules' paths in the output of `git config -z --list`, the last of each name."""
    found: dict[str, str] = {}
    for entry in listed.split("\0"):
        if match := _ENTRY.fullmatch(entry):
            found[match["name"]] = match["path"].rstrip("/")
    return found


def _too_many(address: str) -> str:
    return (
        f"Cloning {address} failed: it has more than {MOST} submodules, or they are nested deeper than"
        f" {DEEPEST} levels; clone it in the session, without them."
    )


def fault_of(name: str, path: str) -> str | None:
    """Return what is wrong with the name or the path, as the middle of a sentence; None if both can be used.

    They become folders in the clone and in its `.git/modules` (CVE-2018-11235, CVE-2019-1387, CVE-2024-32002).
    """
    for kind, text in (("name", name), ("path", path)):
        if not text.isprintable() or _INVISIBLE.search(text):
            return f"the {kind} of a submodule contains a line break or another control character"
        parts = text.split("/")
        if text.startswith(("/", "-")) or "\\" in text or ":" in text or any(part in ("", ".", "..") for part in parts):
            return f"the {kind} of a submodule leads out of the repository"
        if any(remote.GIT_FOLDER.fullmatch(part) for part in parts):
            return f"the {kind} of a submodule means git's own folder"
    return None


def fault_among(name: str, names: Iterable[str]) -> str | None:
    """Return what is wrong if git's folder of the submodule `name` would be inside another's (CVE-2019-1387)."""
    if any(name.startswith(f"{other}/") for other in names):
        return "the name of a submodule is inside another's"
    return None


def _leads_away(files: Path, path: str) -> bool:
    """Return whether a part of the path is a symbolic link, or anything but a folder."""
    place = files
    for part in path.split("/"):
        place /= part
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            return True
    return False


def _one(work: Workplace, above: _Place, wanted: Submodule) -> _Place | None:
    """Fetch one submodule, then check it out; return None where it has no address, or is not to be fetched."""
    key = f"submodule.{wanted.name}"
    if work.local.asks("submodule", "init", "--", wanted.path, folder=above.files) is None:
        raise CloneFailed(f"The submodule {wanted.path} has no usable address in .gitmodules, and stays empty.")
    url = work.local.asks("config", "--get", f"{key}.url", folder=above.files)
    if not url or work.local.asks("config", "--get", f"{key}.update", folder=above.files) == "none":
        return None
    try:
        named = remote.parse(url, f"The address of the submodule {wanted.path}")
    except Misconfigured as error:
        raise CloneFailed(str(error)) from None
    source = work.over_the_web(named)
    if source.address.startswith("git:"):
        raise CloneFailed(
            f"Fetching the submodule {wanted.path} failed: its git:// address is not protected, and its server may"
            " hang; ask its owner to write https:// in .gitmodules."
        )
    place = _Place(above.files / wanted.path, above.git_folder / "modules" / wanted.name, above.depth + 1)
    if _leads_away(above.files, wanted.path):  # only now: a submodule before this one may have brought a link
        raise CloneFailed(f"The path of the submodule {wanted.path} leads through a symbolic link or a file.")
    if source != named:  # for git in the session, too
        work.local.run("config", f"{key}.url", source.address, folder=above.files)
    try:
        _download(work, place, source, wanted.commit)
        tree.check(work.local, place.git_folder, wanted.commit, f"Fetching the submodule {source.address}")
        work.local.run("submodule", "update", "--no-fetch", "--", wanted.path, folder=above.files)
    except BaseException:
        _clear(place)
        raise
    return place


def _clear(place: _Place) -> None:
    """Leave what git leaves where a submodule was never fetched: an empty folder."""
    for folder in (place.git_folder, _scratch(place)):
        shutil.rmtree(folder, ignore_errors=True)
    for entry in place.files.iterdir() if place.files.is_dir() and not place.files.is_symlink() else ():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _scratch(place: _Place) -> Path:
    return place.git_folder.with_name(f"{place.git_folder.name}.files")


def _download(work: Workplace, place: _Place, source: remote.Remote, commit: str) -> None:
    """Clone into git's folder, with a work tree elsewhere for the moment: no file of it is written there."""
    place.git_folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = _scratch(place)
    words = ("clone", "--progress", "--no-checkout", "--origin", "origin", "--separate-git-dir", str(place.git_folder))
    try:
        with work.network() as git:
            git.run(*words, "--", source.address, str(scratch))
    except GitFailed as error:
        raise (_refused(source) if git_failures.asks_for_login(error.said) else error) from None
    shutil.rmtree(scratch)
    known = ("--git-dir", str(place.git_folder))
    if work.local.asks(*known, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        with work.network() as git:
            git.run(*known, "fetch", "--progress", "origin", commit)


def _refused(source: remote.Remote) -> CloneFailed:
    """Return the message where a submodule's server does not let us in: it has credentials of its own, or none."""
    remedy = (
        "it is fetched over SSH, for which the repository has no matching key; ask its owner to write an https://"
        " address in .gitmodules, or clone it as a repository of its own"
        if source.is_ssh
        else "if it is private, name its path in otherPaths of the repository's credentials, or clone it as a"
        " repository of its own"
    )
    return CloneFailed(f"Fetching the submodule {source.address} failed: its server refuses access; {remedy}.")
