"""The folders that a session's repositories are cloned into, and those repositories that get none."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from amalthea.api.types import Spec

_COMMIT, _WHOLE_COMMIT = re.compile("[0-9a-fA-F]{7,64}"), re.compile("[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the repository at an index of `spec.codeRepositories` is cloned."""

    index: int
    address: str
    """Its remote, as far as that says which repository it is."""
    folder: str
    """Relative to the folder of the session's files."""
    revision: str
    """The branch, tag or commit; empty for the default branch."""

    def __str__(self) -> str:
        return f"spec.codeRepositories[{self.index}]"


def places(spec: Spec) -> Iterator[Place]:
    """Yield where each repository is to be cloned, in the order of the spec."""
    for index, repository in enumerate(spec.code_repositories or ()):
        remote = repository.remote.strip()
        address = (re.split("[?#]", remote)[0] if "://" in remote else remote).rstrip("/").removesuffix(".git")
        path = (repository.clone_path.lstrip("/"), re.split(r"[/:]", address)[-1])
        folder = posixpath.normpath(posixpath.join(*path))
        yield Place(index, address, folder, _revision(repository.revision or ""))


def left_out(spec: Spec) -> Iterator[str]:
    """Yield a sentence for each repository that is listed again with another revision: its folder is taken."""
    first: dict[str, Place] = {}
    for place in places(spec):
        known = first.setdefault(place.folder, place)
        if not _same(known.revision, place.revision):
            stands = f"at the revision {known.revision}" if known.revision else "at its default branch"
            yield (
                f"{place} is not cloned: {known} already has the folder {place.folder}, {stands}. To have both, create "
                "the session again with another clonePath for one of them."
            )


def _revision(given: str) -> str:
    name = given.strip()
    return "" if name == "HEAD" else name


def _same(one: str, other: str) -> bool:
    """Return whether two revisions are surely the same; a commit may be abbreviated, a branch or tag written whole."""
    short, long = sorted((one, other), key=len)
    abbreviated = _COMMIT.fullmatch(short) is not None and _WHOLE_COMMIT.fullmatch(long) is not None
    return one == other or long in _whole(short) or (abbreviated and long.lower().startswith(short.lower()))


def _whole(name: str) -> tuple[str, str]:
    return f"refs/heads/{name}", f"refs/tags/{name}"
