"""Makes a clone, whole or not at all: beside its place under a name of its own, and moved there when all is done.

So whatever ends the program at any moment, what stands in the clone's place is finished. An attempt that the network
broke off is cleared away and made again, after longer and longer pauses.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from amalthea.sidecars.cloner import large_files, submodules
from amalthea.sidecars.cloner.checkout import Wish, check_out
from amalthea.sidecars.cloner.credentials import Access
from amalthea.sidecars.cloner.errors import CloneFailed, GitFailed
from amalthea.sidecars.cloner.failures import Failure, judge
from amalthea.sidecars.cloner.git import Git, say
from amalthea.sidecars.cloner.private import Workplace, workplace
from amalthea.sidecars.cloner.remote import Remote

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt."""
ERROR_FILE = "ERROR"
"""What `shellclone` leaves in the folder of a repository that could not be cloned."""


@dataclass(frozen=True)
class Order:
    """One clone to make."""

    remote: Remote
    folder: Path
    """Its place. Nothing may be there but an empty folder, or one with an error file."""
    wish: Wish = field(default_factory=Wish)
    access: Access = field(default_factory=Access)
    large_files: bool = True
    """Fetch what Git LFS keeps elsewhere. If not, the running session can do it."""

    @property
    def unfinished(self) -> Path:
        """Its place while it is being made."""
        return self.folder.with_name(f".{self.folder.name}.cloning")


Finish = Callable[[Git, Sequence[Path]], None]
"""What else the clone needs before it is whole: it is handed the folders of the clone and of its submodules."""


def is_taken(folder: Path) -> bool:
    """Tell whether something is in the clone's place already: a clone, or files of the user's."""
    if folder.is_dir() and not folder.is_symlink():
        return any(entry.name != ERROR_FILE for entry in folder.iterdir())
    return os.path.lexists(folder)


def make(order: Order, finish: Finish, sleep: Callable[[float], None] = time.sleep) -> None:
    """Clone, and try again while that may help.

    Raises:
        CloneFailed: it cannot be cloned. Nothing of it is left.
        Misconfigured: there is no place for temporary files.
    """
    with workplace(order.remote, order.access, os.environ, (order.unfinished,)) as work:
        for pause in (*PAUSES, None):
            try:
                _attempt(work, order, finish)
            except _AttemptFailed as error:
                if not error.failure.transient or pause is None:
                    raise CloneFailed(error.failure.message) from None
                say(f"{error.failure.message} Trying again in {pause:g} s.")
                sleep(pause)
            else:
                return


def _attempt(work: Workplace, order: Order, finish: Finish) -> None:
    """Clone once.

    Raises:
        CloneFailed: the repository lacks the wanted revision, or its submodules cannot be trusted.
        _AttemptFailed: anything else.
    """
    partial, address = order.unfinished, order.remote.address
    try:
        with _judged(f"Cloning {address}"):
            _clear(partial)
            partial.parent.mkdir(parents=True, exist_ok=True)
            with work.network() as git:
                git.run("clone", "--progress", "--no-checkout", "--origin", "origin", "--", address, str(partial))
            has_files = check_out(work, partial, order.wish, address)
        with _judged(f"Fetching the submodules of {address}"):
            folders = [partial, *(submodules.fetch(work, partial, address) if has_files else ())]
        with _judged(f"Fetching the large files of {address}"):
            for folder in folders:
                large_files.look_after(work, folder, fetch=order.large_files)
        with _judged(f"Finishing the clone of {address}"):
            finish(work.local, folders)
            _move(partial, order.folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class _AttemptFailed(Exception):  # noqa: N818  (named by what happened)
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@contextmanager
def _judged(doing: str) -> Iterator[None]:
    """Find the cause of what fails here. `doing` begins the sentence."""
    try:
        yield
    except GitFailed as error:
        raise _AttemptFailed(judge(error.said, doing)) from None
    except OSError as error:
        raise _AttemptFailed(judge(error.strerror or "", doing)) from None


def _clear(partial: Path) -> None:
    """Remove what an attempt before has left, or what somebody has put there: a link would lead the clone elsewhere."""
    if partial.is_symlink() or partial.is_file():
        partial.unlink()
    shutil.rmtree(partial, ignore_errors=True)


def _move(partial: Path, place: Path) -> None:
    (place / ERROR_FILE).unlink(missing_ok=True)
    partial.rename(place)
