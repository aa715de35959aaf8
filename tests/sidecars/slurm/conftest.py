"""A real Slurm, shared by the tests here, and sessions whose jobs it runs."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from amalthea.testing.remote.disk import DiskFiles
from amalthea.testing.remote.slurm import SlurmScheduler
from lab.base.progress import Progress
from lab.slurm.cluster import Slurm
from tests.sidecars.remote.pod import Pod
from tests.sidecars.slurm.site import Site


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    with TemporaryDirectory(prefix="slurm-") as folder:  # pytest's own are too long for a socket
        Path(folder).chmod(0o755)  # its daemons have a user of their own
        made = Slurm(Path(folder) / "s")
        try:
            made.start(Progress())
            yield made
        finally:
            made.stop()


@pytest.fixture
async def site(slurm: Slurm, tmp_path: Path) -> AsyncIterator[Site]:
    pod = Pod(tmp_path)
    scheduler = SlurmScheduler(slurm.environment)
    pod.firecrest.files, pod.firecrest.scheduler = DiskFiles(), scheduler
    pod.firecrest.scratch = str(tmp_path / "scratch")
    async with pod.world():
        yield Site(slurm, scheduler, pod)
    for job in scheduler.jobs():
        if not job.ended and job.folder.startswith(str(tmp_path)):
            slurm.command("scancel", "--signal=KILL", "--full", job.id)
            slurm.command("scancel", job.id)
