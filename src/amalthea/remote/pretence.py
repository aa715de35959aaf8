"""A fake remote backend (`--fake-start`): nothing is submitted, and the session is reported to run."""

import logging

from amalthea.remote.job.port import Phase, Report

log = logging.getLogger("remote.pretence")


class Pretence:
    """Implements `port.RemoteBackend`."""

    async def recover(self) -> bool:
        return False

    async def start(self) -> None:
        log.info("submitted job", extra={"jobID": "fake-job-id"})

    async def poll(self) -> Report:
        return Report(Phase.RUNNING)

    async def logs(self) -> bool:
        return True

    async def stop(self) -> None:
        log.info("no job to cancel")

    async def tidy(self) -> None:
        """Do nothing."""

    async def tend(self) -> None:
        """Do nothing."""
