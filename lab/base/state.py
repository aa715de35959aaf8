"""The folder in which a profile of the lab keeps everything that it writes while it is up; gone after `down`."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

Profile = Literal["full", "kind", "control-plane", "fake-nodes"]

PROFILES: tuple[Profile, ...] = get_args(Profile)


class BusyError(Exception):
    """Another command of the lab is starting or stopping something at this moment."""


def root() -> Path:
    """Return `$AMALTHEA_LAB_STATE`, else `/var/lib/amalthea-lab` for root and a folder of their own for others."""
    chosen = os.environ.get("AMALTHEA_LAB_STATE")
    if chosen:
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/amalthea-lab")
    return Path.home() / ".local" / "state" / "amalthea-lab"


def folder(profile: Profile) -> Path:
    """Return the state folder of a profile; it exists from the beginning of `up` to the end of `down`."""
    return root() / profile


def kubeconfig(profile: Profile) -> Path:
    """Return the path of the administrator's kubeconfig."""
    return folder(profile) / "admin.kubeconfig"


@contextmanager
def exclusive() -> Iterator[None]:
    """Let one command at a time change what is up; raise BusyError at once instead of waiting."""
    root().mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root(), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BusyError("another command of the lab is at work; try again when it is done") from error
    finally:
        os.close(descriptor)
