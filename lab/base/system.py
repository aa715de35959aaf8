"""The machine itself: who runs the lab, and the Debian packages that its node and its images need.

Missing packages are installed with apt-get, and no service of theirs is started: the lab runs programs of its own
with its own configuration. Everything else the lab needs it builds (`lab.programs.binaries`, `lab.images.images`).
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.base.progress import Progress

TRIXIE_KEYS = "/usr/share/keyrings/debian-archive-trixie-stable.gpg"
ADMIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_POLICY = Path("/usr/sbin/policy-rc.d")
_LOCK = Path("/run/lock/amalthea-lab-packages")
_SYSTEMD_RUNS = Path("/run/systemd/system")
_INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends")


class MachineError(Exception):
    """Something that the machine lacks and the lab cannot provide: the text tells the user what to do."""


@dataclass(frozen=True)
class Package:
    """A Debian package, and the command or the file (an absolute path) that shows that it is there."""

    name: str
    shown_by: str

    def is_missing(self) -> bool:
        """Return whether what it brings is missing, from whichever source."""
        if self.shown_by.startswith("/"):
            return not Path(self.shown_by).exists()
        return shutil.which(self.shown_by, path=ADMIN_PATH) is None


NODE_PACKAGES = (
    Package("containerd", "containerd"),
    Package("runc", "runc"),
    Package("containernetworking-plugins", "/usr/lib/cni/ptp"),
    Package("iptables", "iptables"),
    Package("iproute2", "ip"),
)
IMAGE_PACKAGES = (
    Package("buildah", "buildah"),
    Package("mmdebstrap", "mmdebstrap"),
    Package("debian-archive-keyring", TRIXIE_KEYS),
)


def require_root(what: str) -> None:
    """Raise MachineError unless this process is root. `what` begins the sentence: "The lab's node"."""
    if os.geteuid() != 0:
        raise MachineError(
            f"{what} needs root, for it makes network devices, mounts and containers. Run it again with sudo, "
            "or install Docker and run `make kind_cluster`, which needs no root where kind's node image can be pulled."
        )


def ensure(packages: tuple[Package, ...], progress: Progress) -> None:
    """Install those of `packages` that are missing; raise MachineError where that cannot be done.

    Of several processes that ask at once one installs, and the others wait: apt-get refuses a second one.
    """
    if not (missing := _missing(packages)):
        return
    names = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise MachineError(
            f"Missing here: {names}. The lab installs them on Debian and its relatives only. Install them by hand, "
            "or install Docker and run `make kind_cluster`."
        )
    require_root(f"Installing the Debian packages {names}")
    with _LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if missing := _missing(packages):
            _bring(missing, progress)


def _missing(packages: tuple[Package, ...]) -> list[str]:
    return [package.name for package in packages if package.is_missing()]


def _bring(missing: list[str], progress: Progress) -> None:
    with progress.step(f"Installing the Debian packages {' '.join(missing)}"), _no_service_starts():
        _apt(("apt-get", "update"))
        _apt((*_INSTALL, *missing))
        if "containerd" in missing and _SYSTEMD_RUNS.is_dir():
            subprocess.run(("systemctl", "disable", "containerd.service"), check=True, capture_output=True)


def _apt(command: tuple[str, ...]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        last_lines = "\n".join(done.stdout.splitlines()[-15:])
        raise MachineError(f"`{' '.join(command)}` failed:\n{last_lines}")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Have Debian's packaging scripts start nothing, by the file that they ask; an existing one is left alone."""
    try:
        with _POLICY.open("x") as file:
            file.write("#!/bin/sh\nexit 101\n")
    except FileExistsError:
        yield
        return
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
