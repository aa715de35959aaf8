"""The session's git repositories on its volume: what the job needs to fetch them itself."""

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

from amalthea.remote.firecrest.prepare.environment import Repository

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_BRANCH = re.compile(r'^\s*\[branch "([^"\n]+)"\]', re.MULTILINE)
_HEADER = re.compile(r"^.*extraheader\s*=(?:\\\n|.)*\n?", re.IGNORECASE | re.MULTILINE)
"""With the lines that it goes on in, and whatever else is on its first one."""
_LOGIN = re.compile(r"(?P<scheme>https?://)[^/@\s]*@", re.IGNORECASE)
_MAX_CONFIG = 1024 * 1024

log = logging.getLogger("remote.repositories")


@dataclass(frozen=True)
class Found:
    """A repository, and the configuration that its clone on the cluster gets."""

    repository: Repository
    config: bytes = field(repr=False)


def find(folder: str) -> list[Found]:
    """Return the repositories right below a folder, by name; none if there is no such folder."""
    root = Path(folder)
    if not folder or not root.is_dir():
        return []
    found = []
    for path in sorted(root.iterdir()):
        try:
            repository = _read(path)
        except OSError as error:  # such as `lost+found`
            log.warning("a folder cannot be read", extra={"path": str(path), "error": error.strerror})
            continue
        if repository is not None:
            found.append(repository)
    return found


def _read(path: Path) -> Found | None:
    """Return the repository that a folder is; None if it is not one that can be used."""
    config = path / ".git/config"
    if path.is_symlink() or not path.is_dir() or not config.is_file():
        return None
    if not _NAME.fullmatch(path.name):
        log.warning("a repository's name cannot be used on the cluster", extra={"repository": path.name})
        return None
    text = config.read_bytes()[:_MAX_CONFIG].decode("utf-8", errors="surrogateescape")
    head = path / ".git/HEAD"
    reference = head.read_text(errors="replace").strip() if head.is_file() else ""
    return Found(Repository(path.name, branch(reference, text)), without_secrets(text))


def branch(head: str, config: str) -> str:
    """Return the branch that HEAD is on, else the first of the configuration, else none."""
    if head.startswith("ref: refs/heads/"):
        return head.removeprefix("ref: refs/heads/")
    first = _BRANCH.search(config)
    return first[1] if first else ""


def without_secrets(config: str) -> bytes:
    """Return a git configuration without header fields, and without logins in addresses: they are for this pod."""
    without = _LOGIN.sub(r"\g<scheme>", _HEADER.sub("", config))
    return without.encode("utf-8", errors="surrogateescape")
