"""Cancels a job until the cluster says that it is gone."""

import logging

from amalthea.remote.clock import Clock
from amalthea.remote.errors import NotFound, RemoteError
from amalthea.remote.firecrest.api.client import Client
from amalthea.remote.firecrest.follow import states
from amalthea.remote.requests import retry
from amalthea.remote.requests.caller import Chance

_BETWEEN_CANCELS = 5.0

log = logging.getLogger("remote.firecrest")


async def cancel(client: Client, job_id: str, clock: Clock, chance: Chance) -> None:
    """Cancel a job, as often as it takes, and return once it is gone."""
    attempts = 0
    while not await _is_gone(client, job_id):
        attempts += 1
        await clock.sleep(min(_BETWEEN_CANCELS, retry.delay(attempts, chance.random())))


async def _is_gone(client: Client, job_id: str) -> bool:
    """Cancel a job once, and return whether it is gone; one that accounting does not know yet may still be there."""
    had_question = False
    try:
        had_question = await client.cancel(job_id)
        return states.is_gone(await client.job(job_id, attempts=1))
    except NotFound:
        return had_question
    except RemoteError as error:
        log.warning("could not cancel the job yet", extra={"jobID": job_id, "error": str(error)})
        return False
