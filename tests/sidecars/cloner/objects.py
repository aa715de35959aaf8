"""Git objects as no git would write them: trees with any names, links and modes, straight into a bare repository."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, Union


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Module:
    """The link to a submodule's commit."""

    commit: str


@dataclass(frozen=True)
class Script:
    """A file that can be run."""

    text: str


Content: TypeAlias = Union[str, bytes, Link, Module, Script, "Files"]
Files: TypeAlias = Mapping[str, Content]
Entries: TypeAlias = list[tuple[str, Content]]
"""Like `Files`, but a name may be there twice."""


class Bare:
    """A bare repository in the making."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for folder in ("objects", "refs/heads", "refs/tags"):
            (place / folder).mkdir(parents=True)
        (place / "HEAD").write_text("ref: refs/heads/trunk\n")
        (place / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")

    def publish(self, files: Files | Entries, branch: str = "trunk") -> str:
        """Commit these files as the tip of a branch; return the commit."""
        tree = self.tree(list(files.items()) if isinstance(files, Mapping) else files)
        who = "Mallory <mallory@example.org> 1700000000 +0000"
        commit = self.write("commit", f"tree {tree}\nauthor {who}\ncommitter {who}\n\n\x1b[31mfirst\n".encode())
        self.refer(f"refs/heads/{branch}", commit)
        return commit

    def refer(self, name: str, commit: str) -> None:
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{commit}\n")

    def write(self, kind: str, data: bytes) -> str:
        """Store one object; return its name."""
        whole = f"{kind} {len(data)}\0".encode() + data
        name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        path = self.place / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(whole, 1))
        return name

    def tree(self, entries: Entries) -> str:
        """Store a tree as it is, its names unchecked; return its name."""
        stored = [(name.encode(errors="surrogateescape"), *self._store(content)) for name, content in entries]
        stored.sort(key=lambda entry: entry[0] + (b"/" if entry[1] == "40000" else b""))
        return self.write("tree", b"".join(f"{m} ".encode() + n + b"\0" + bytes.fromhex(o) for n, m, o in stored))

    def _store(self, content: Content) -> tuple[str, str]:
        match content:
            case Link(target):
                return "120000", self.write("blob", target.encode())
            case Module(commit):
                return "160000", commit
            case Script(text):
                return "100755", self.write("blob", text.encode())
            case str():
                return "100644", self.write("blob", content.encode())
            case bytes():
                return "100644", self.write("blob", content)
            case _:
                return "40000", self.tree(list(content.items()))


def nested(path: str, content: Content) -> Files:
    """Return the files that have `content` at `path`, a folder for each slash."""
    first, slash, rest = path.partition("/")
    return {first: nested(rest, content)} if slash else {first: content}
