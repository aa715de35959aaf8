"""Makes a clone, whole or not at all: beside its place under a name of its own, and moved there when all is done.

So whatever ends the program at any moment, what is in the clone's place is complete. What the network broke off is made
again, after longer and longer pauses. Submodules and large files may be missing in the end: that is reported.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from amalthea.sidecars.cloner.access.credentials import Access
from amalthea.sidecars.cloner.access.git_environment import Workplace, workplace
from amalthea.sidecars.cloner.access.remote import Remote
from amalthea.sidecars.cloner.contents import large_files, submodules
from amalthea.sidecars.cloner.contents.attempts import Attempts
from amalthea.sidecars.cloner.contents.checkout import Revision, check_out, has_branches
from amalthea.sidecars.cloner.process.git import Git

ERROR_FILE = "ERROR"
"""The file in the folder of a repository that could not be cloned (by `shellclone`), or not with all its parts."""

_NO_DEFAULT = (
    "The default branch of {} does not exist there, so its clone has no files yet; check out another branch (git branch"
    " --remotes lists them), or name one as the repository's revision."
)


@dataclass(frozen=True)
class Order:
    """One clone to make."""

    remote: Remote
    folder: Path
    """Its place. Nothing may be there but an empty folder, or one with an error file."""
    revision: Revision = field(default_factory=Revision)
    access: Access = field(default_factory=Access)
    large_files: bool = True
    """Fetch what Git LFS keeps elsewhere. If not, the running session can do it."""

    @property
    def unfinished(self) -> Path:
        """Its place while it is being made."""
        return self.folder.with_name(f".{self.folder.name}.cloning")


Finish = Callable[[Git, Sequence[Path]], None]
"""The last step of a clone: it is handed the folders of the clone and of its submodules."""


def is_taken(folder: Path) -> bool:
    """Return whether something is in the clone's place already: a clone, or files of the user's."""
    if folder.is_dir() and not folder.is_symlink():
        return any(entry.name != ERROR_FILE for entry in folder.iterdir())
    return os.path.lexists(folder)


def make(order: Order, finish: Finish, sleep: Callable[[float], None] = time.sleep) -> list[str]:
    """Clone, and try again while that may help; return a sentence for each part that is left out.

    Raises:
        CloneFailed: it cannot be cloned. Nothing of it is left.
        Misconfigured: there is no place for temporary files.
    """
    partial, address = order.unfinished, order.remote.address
    attempts = Attempts(sleep)
    with workplace(order.remote, order.access, os.environ, (partial,)) as work:
        try:
            has_files = attempts.whole(f"Cloning {address}", lambda: _main(work, order))
            if not has_files and has_branches(work, partial):
                attempts.leave_out(_NO_DEFAULT.format(address))
            folders = [partial, *(submodules.fetch(work, partial, address, attempts) if has_files else ())]
            for folder in folders:
                large_files.look_after(work, folder, attempts, fetch=order.large_files)
            attempts.whole(f"Finishing the clone of {address}", lambda: finish(work.local, folders))
            _note(partial, attempts.left_out)
            attempts.whole(f"Finishing the clone of {address}", lambda: _move(partial, order.folder))
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return attempts.left_out


def _main(work: Workplace, order: Order) -> bool:
    """Clone the repository itself; return whether it has files.

    Raises:
        CloneFailed: the repository lacks the wanted revision, or has files that are not to be checked out.
        GitFailed, OSError: anything else.
    """
    partial, address = order.unfinished, order.remote.address
    _clear(partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    with work.network() as git:
        git.run("clone", "--progress", "--no-checkout", "--origin", "origin", "--", address, str(partial))
    return check_out(work, partial, order.revision, address)


def _note(clone: Path, left_out: Sequence[str]) -> None:
    """Leave the causes in the clone, in a file that git does not see, unless the repository has one of that name."""
    file, unseen = clone / ERROR_FILE, clone / ".git" / "info" / "exclude"
    if not left_out or os.path.lexists(file):
        return
    with contextlib.suppress(OSError):  # the status and the log have them, too
        file.write_text("".join(f"{sentence}\n" for sentence in left_out), encoding="utf-8")
        unseen.parent.mkdir(exist_ok=True)
        with unseen.open("a", encoding="utf-8") as patterns:
            patterns.write(f"/{ERROR_FILE}\n")


def _clear(partial: Path) -> None:
    """Remove what an earlier attempt has left, or what somebody has put there: a link would redirect the clone."""
    if partial.is_symlink() or partial.is_file():
        partial.unlink()
    shutil.rmtree(partial, ignore_errors=True)


def _move(partial: Path, place: Path) -> None:
    (place / ERROR_FILE).unlink(missing_ok=True)
    partial.rename(place)
