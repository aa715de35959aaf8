"""Makes a clone, whole or not at all: beside its place under a name of its own, and moved there when all is done.

So whatever ends the program at any moment, what stands in the clone's place is finished. An attempt that the network
broke off is cleared away and made again, after longer and longer pauses.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from amalthea.sidecars.cloner.checkout import Wish, check_out
from amalthea.sidecars.cloner.credentials import Credentials
from amalthea.sidecars.cloner.errors import CloneFailed, GitFailed
from amalthea.sidecars.cloner.failures import Failure, judge
from amalthea.sidecars.cloner.git import Git, say
from amalthea.sidecars.cloner.private import environment
from amalthea.sidecars.cloner.remote import Remote

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
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
    credentials: Credentials = None
    large_files: bool = True
    """Fetch what Git LFS keeps elsewhere. If not, the running session can do it."""


Finish = Callable[[Git, Path], None]
"""What else the clone needs before it is whole."""


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
    with environment(order.remote, order.credentials, os.environ) as variables:
        for pause in (*PAUSES, None):
            failure = _attempt(Git(variables), order, finish)
            if failure is None:
                return
            if not failure.transient or pause is None:
                raise CloneFailed(failure.message)
            say(f"{failure.message} Trying again in {pause:g} s.")
            sleep(pause)


def _attempt(git: Git, order: Order, finish: Finish) -> Failure | None:
    """Clone once; return what failed, if anything did."""
    partial = order.folder.with_name(f".{order.folder.name}.cloning")
    address = order.remote.address
    doing = f"Cloning {address}"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        git.run("clone", "--progress", "--no-checkout", "--origin", "origin", "--", address, str(partial))
        if check_out(git, partial, order.wish, address):
            doing = f"Fetching the submodules of {address}"
            folders = [partial, *_submodules(git, partial)]
            doing = f"Fetching the large files of {address}"
            for folder in folders:
                _large_files(git, folder, fetch=order.large_files)
        doing = f"Cloning {address}"
        finish(git, partial)
        _move(partial, order.folder)
    except GitFailed as error:
        return judge(error.said, doing)
    except OSError as error:
        return judge(error.strerror or "", doing)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return None


def _submodules(git: Git, clone: Path) -> list[Path]:
    """Fetch all submodules, those of submodules too; return their folders."""
    if not (clone / ".gitmodules").is_file():
        return []
    git.run("submodule", "update", "--init", "--recursive", "--progress", folder=clone)
    folders = git.run("submodule", "--quiet", "foreach", "--recursive", "pwd", folder=clone)
    return [Path(line) for line in folders.splitlines()]


def _large_files(git: Git, folder: Path, *, fetch: bool) -> None:
    """Have Git LFS look after a repository that uses it, and fetch its files if they are wanted now."""
    if not git.run("ls-files", "--", ":(attr:filter=lfs)", folder=folder):
        return
    git.run("lfs", "install", "--local", *(() if fetch else ("--skip-smudge",)), folder=folder)
    if fetch:
        git.run("lfs", "pull", folder=folder)


def _move(partial: Path, place: Path) -> None:
    (place / ERROR_FILE).unlink(missing_ok=True)
    partial.rename(place)
