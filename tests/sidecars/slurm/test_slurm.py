"""The lab's Slurm itself: it comes up after a crash of an earlier one, and goes without a trace."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lab.base.progress import Progress
from lab.base.system import MachineError
from lab.slurm.cluster import Slurm

pytestmark = pytest.mark.timeout(180)

LEAVES = (
    "import os, sys; from pathlib import Path\n"
    "from lab.base.progress import Progress; from lab.slurm.cluster import Slurm\n"
    "slurm = Slurm(Path(sys.argv[1]), outlive=True); slurm.start(Progress())\n"
    "slurm.command('sbatch', '--output=/dev/null', '--wrap=exec sleep 600')\n"
    "slurm.command('sbatch', '--output=/dev/null', '--begin=now+1hour', '--wrap=exec sleep 600')\n"
    "os.abort()"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="slurm-") as made:
        Path(made).chmod(0o755)
        yield Path(made) / "s"


def test_what_a_crash_has_left_is_ended_and_nothing_is_left_at_the_end(folder: Path) -> None:
    left = subprocess.run((sys.executable, "-c", LEAVES, str(folder)), check=False, stderr=subprocess.PIPE, timeout=120)
    assert left.returncode < 0, left.stderr
    assert processes_of(folder)
    slurm = Slurm(folder)
    slurm.start(Progress())
    try:
        assert slurm.command("squeue", "--noheader") == ""
        job = slurm.command("sbatch", "--parsable", "--wait", "--output=/dev/null", "--wrap=true").strip()
        assert job == "1", "nothing of the earlier one is remembered"
    finally:
        slurm.stop()
    assert processes_of(folder) == []
    assert not folder.exists()


def test_a_folder_whose_path_no_socket_can_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="too long a path for a socket"):
        Slurm(tmp_path / ("x" * 100)).start(Progress())


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of what was started with this Slurm's configuration."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name != str(os.getpid()) and str(folder).encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text())
    return found
