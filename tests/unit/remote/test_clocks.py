"""A pod whose machine sets its clock: no job is submitted twice, and nothing is told that is not so."""

import json

import pytest

from amalthea.model.views import remote_job
from amalthea.sidecars.http.messages import Answer
from tests.unit.remote.site import Crash, Fuse, Running, Site, running


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
async def test_a_clock_that_is_set_makes_no_silence_and_no_end(jump: float) -> None:
    site = Site(RSC_AUTH_KIND="renku_v2")
    session = await running(site)
    job = site.scheduler.all[0]
    job.elapsed = 600.0
    await site.clock.advance(60)
    site.firecrest.fail("GET /compute", Answer(503), times=10**6)
    await site.clock.advance(120)
    site.pods_clock.skew = jump
    now = site.pods_clock.now()
    told = dict(session.controller.standing.told_the_operator(now.timestamp(), site.clock.monotonic()))
    assert 0 <= int(str(told["errorAgeSeconds"])) <= 120
    assert 0 <= int(str(told["heardSecondsAgo"])) <= 180
    assert 2800 <= int(str(told["remainingSeconds"])) <= 3000
    word = remote_job.read(json.dumps(told).encode(), now)
    assert word.phase == "Running"
    site.firecrest.heal()
    assert await session.stop() == ""


@pytest.mark.parametrize("jump", [-3600.0, 0.0])
async def test_a_job_of_a_machine_whose_clock_is_ahead_is_waited_for(jump: float) -> None:
    site = Site()
    site.scheduler.accounting_lag = 55.0
    site.firecrest.fail("POST /compute/lab/jobs$", Answer(504), acts=True)
    broken = await site.backend(Fuse(27))
    with pytest.raises(Crash):
        await site.finish(broken.start())
    assert site.volume.state.intent
    site.pods_clock.skew = jump
    session = Running(site, await site.controller())
    await site.clock.advance(300)
    [job] = site.scheduler.all
    assert site.volume.state.job_id == job.id
    assert await session.stop() == ""
    assert site.scheduler.alive == []
