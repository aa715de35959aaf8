"""The folders that a session's repositories are cloned into, and those repositories that get none."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from amalthea.api.types import Spec


@dataclass(frozen=True, slots=True)
class Place:
    """Where the repository at an index of `spec.codeRepositories` is cloned."""

    index: int
    address: str
    """Its remote, as far as that says which repository it is."""
    folder: str
    """Relative to the folder of the session's files."""
    revision: str

    def __str__(self) -> str:
        return f"spec.codeRepositories[{self.index}]"


def places(spec: Spec) -> Iterator[Place]:
    """Yield where each repository is to be cloned, in the order of the spec."""
    for index, repository in enumerate(spec.code_repositories or ()):
        address = re.split("[?#]", repository.remote.strip())[0].rstrip("/").removesuffix(".git")
        path = (repository.clone_path.lstrip("/"), re.split(r"[/:]", address)[-1])
        folder = posixpath.normpath(posixpath.join(*path))
        yield Place(index, address, folder, repository.revision or "HEAD")


def left_out(spec: Spec) -> Iterator[str]:
    """Yield a sentence for each repository that is listed again with another revision: its folder is taken."""
    first: dict[str, Place] = {}
    for place in places(spec):
        known = first.setdefault(place.folder, place)
        if known.revision != place.revision:
            yield (
                f"{place} is not cloned: {known} already has the folder {place.folder}, with another revision; "
                "give one of them a clonePath."
            )
