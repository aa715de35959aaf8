"""Checks the list of a commit's files before any of them is written.

git keeps files out of its own folder. These checks are for what it accepts: a few kilobytes that unfold to billions of
files, two entries of one name, of which one is a link that the other is written through (CVE-2021-21300,
CVE-2024-32002), and a link in place of a file that git or git-lfs reads (`/dev/zero` has no end).
"""

from collections.abc import Iterable
from pathlib import Path

from amalthea.sidecars.cloner.errors import CloneFailed
from amalthea.sidecars.cloner.process.git import Git

MOST_FILES = 1_000_000
LARGEST_SETTINGS = 1_000_000
"""Bytes of `.gitmodules` or `.lfsconfig`."""
_SETTINGS = (b".gitmodules", b".lfsconfig")
_LINK = b"120000"


def check(git: Git, repository: Path, commit: str, doing: str) -> None:
    """Check the files of `commit`; `repository` is git's folder. `doing` begins the sentence.

    Raises:
        CloneFailed: they are not to be checked out.
        GitFailed: git cannot list them.
    """
    known = ("--git-dir", str(repository), "ls-tree", "-z", "--full-tree")
    with git.reading(*known, "-r", commit) as entries:
        fault = fault_of(entries)
    if fault is None:
        with git.reading(*known, "--long", commit, *(name.decode() for name in _SETTINGS)) as entries:
            fault = fault_of_sizes(entries)
    if fault is not None:
        raise CloneFailed(f"{doing} failed: {fault}.")


def fault_of(entries: Iterable[bytes]) -> str | None:
    """Return what is wrong with the output of `git ls-tree -r -z`, the end of a sentence; None if nothing is.

    No more entries are taken than are needed.
    """
    before, above = b"", list[bytes]()
    for number, entry in enumerate(entries):
        head, _, path = entry.partition(b"\t")
        if number == MOST_FILES:
            return f"it has more than {MOST_FILES:,} files; clone it in the session"
        while above and not path.startswith(above[-1]):
            above.pop()
        # Files come in the order of their bytes: what begins with a file's name comes right after it.
        if path <= before or any(path.startswith(file + b"/") for file in above):
            return "its files are out of order, or two have the same name; ask its owner to repair it with git fsck"
        if path in _SETTINGS and head.startswith(_LINK):
            return f"its file {path.decode()} is a symbolic link; ask its owner to make it a file"
        above.append(path)
        before = path
    return None


def fault_of_sizes(entries: Iterable[bytes]) -> str | None:
    """Return what is wrong with the output of `git ls-tree -z --long` for the files of settings."""
    for entry in entries:
        head, _, path = entry.partition(b"\t")
        size = head.split()[-1]
        if size.isdigit() and int(size) > LARGEST_SETTINGS:
            return f"its file {path.decode()} is larger than {LARGEST_SETTINGS:,} bytes"
    return None
