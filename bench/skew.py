"""A clock that is wrong, for one program: Debian's faketime, preloaded."""

import sysconfig
from collections.abc import Mapping
from pathlib import Path

from lab.base import system
from lab.base.progress import Progress
from lab.base.system import MachineError, Package

_LIBRARY = Path("/usr/lib") / str(sysconfig.get_config_var("MULTIARCH")) / "faketime" / "libfaketime.so.1"
_PACKAGES = (Package("libfaketime", str(_LIBRARY)),)


def ahead(seconds: int, progress: Progress) -> Mapping[str, str]:
    """Return the environment of a program whose clock is to be ahead; an empty one, with the reason, if it cannot be.

    The time since boot, which timers go by, is not changed.
    """
    try:
        system.ensure(_PACKAGES, progress)
    except MachineError as error:
        progress.say(f"Left out: a clock that is {seconds} s ahead. {error}")
        return {}
    return {
        "LD_PRELOAD": str(_LIBRARY),
        "FAKETIME": f"+{seconds}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }
