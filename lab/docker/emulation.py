"""Programs for arm64 run on a machine of another kind, by QEMU, as long as a `with` block lasts.

The kernel is told by its file system binfmt_misc, which is mounted at a place of our own: what the machine has at the
usual one, if anything, stays as it is.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.base import system
from lab.base.progress import Progress

RULE = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
"""Debian's own. It has the interpreter opened at once, so that containers need none."""
PACKAGES = (system.Package("qemu-user-static", str(RULE)),)
NAME = "amalthea-arm64"
"""The name of the rule here, and of its file."""
PLACE = Path("/run/amalthea-binfmt")


@contextmanager
def of_arm64(progress: Progress) -> Iterator[None]:
    """Have the kernel run programs for arm64 meanwhile, also in containers; raise MachineError.

    What a run that was killed has left goes first.
    """
    system.require_root("Emulating another processor")
    system.ensure(PACKAGES, progress)
    clear()
    try:
        PLACE.mkdir(parents=True)
        _run("mount", "-t", "binfmt_misc", "binfmt_misc", str(PLACE))
        _, _, what = RULE.read_text().strip().removeprefix(":").partition(":")
        _write(PLACE / "register", f":{NAME}:{what}")
        yield
    finally:
        clear()


def clear() -> None:
    """Take the rule away, and the place that it was written at."""
    with suppress(FileNotFoundError):
        _write(PLACE / NAME, "-1")
    while PLACE.is_mount():
        _run("umount", str(PLACE))
    with suppress(FileNotFoundError):
        PLACE.rmdir()


def _write(file: Path, text: str) -> None:
    """Write to a file of the kernel's in one go, and make none; raise MachineError with what the kernel said."""
    try:
        with file.open("r+b", buffering=0) as opened:
            opened.write(text.encode())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise system.MachineError(f"The kernel refuses to emulate arm64: {error}") from error


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise system.MachineError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
