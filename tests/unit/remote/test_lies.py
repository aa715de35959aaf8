"""What FirecREST, or a server before it, says that is not so, or says nothing: no job is lost, and none ends for it."""

from urllib.parse import urlsplit

import pytest

from amalthea.remote.job.port import Phase
from amalthea.remote.requests.replies import error as meant
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.remote.cluster import ClusterError
from amalthea.testing.remote.firecrest import error
from tests.unit.remote.site import Running, Site, running
from tests.unit.remote.test_faults import HTML


@pytest.mark.parametrize("said", [b'{"jobId": ""}', b'{"jobId": 0}', b'{"jobId": "0"}', b'{"jobId": null}', b"{}", b""])
async def test_a_job_that_is_taken_without_a_number_is_found_by_its_name(said: bytes) -> None:
    site = Site()
    site.firecrest.fail("POST /compute/lab/jobs$", Answer(201, said), acts=True)
    session = Running(site, await site.controller())
    await site.clock.advance(60)
    [job] = site.scheduler.all
    assert site.volume.state.job_id == job.id
    assert await session.stop() == ""
    assert site.scheduler.alive == []


@pytest.mark.parametrize("status", [302, 403, 405])
@pytest.mark.parametrize("place", ["GET .*systems", "POST .*/upload", "POST /compute/lab/jobs$"])
async def test_a_page_of_a_server_before_it_is_no_refusal(status: int, place: str) -> None:
    site = Site()
    site.firecrest.fail(place, Answer(status, HTML))
    session = Running(site, await site.controller())
    await site.clock.advance(200)
    assert session.controller.standing.phase is not Phase.FAILED
    assert len(site.scheduler.alive) == 1
    assert await session.stop() == ""


@pytest.mark.parametrize("status", [302, 400, 403, 404])
async def test_a_page_in_place_of_a_token_is_no_refusal(status: int) -> None:
    site = Site()
    site.issuer.away = Answer(status, HTML)
    session = Running(site, await site.controller())
    await site.clock.advance(20)
    assert session.controller.standing.phase is Phase.NOT_READY
    assert f"answer {status}" in session.controller.standing.trouble
    site.issuer.away = None
    await site.clock.advance(60)
    assert len(site.scheduler.alive) == 1
    assert await session.stop() == ""


def test_only_words_of_its_own_count_as_a_refusal() -> None:
    assert type(meant(error(403, "no"), "FirecREST")).__name__ == "Refused"
    assert type(meant(Answer(403, b'{"detail": "no"}'), "FirecREST")).__name__ == "Unavailable"


async def test_a_scheduler_that_is_away_has_not_heard_that_a_job_is_cancelled() -> None:
    site = Site()
    site.scheduler.accounting_lag = 30.0
    session = Running(site, await site.controller())
    await site.clock.advance(1)
    cancel, refused = site.scheduler.cancel, list[str]()

    def away_at_first(job_id: str) -> None:
        if len(refused) < 3:
            refused.append(job_id)
            raise ClusterError("scancel: error: slurm_kill_job2() failed Unable to contact slurm controller")
        cancel(job_id)

    site.scheduler.cancel = away_at_first  # type: ignore[method-assign]
    assert await session.stop() == ""
    assert site.scheduler.alive == []


@pytest.mark.parametrize(
    "refusal",
    [
        "Requested time limit is invalid (missing or exceeds some limit)",
        "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "QOSMaxWallDurationPerJobLimit",
        "AssocMaxWallDurationPerJobLimit",
        "ERROR: the maximum walltime of this partition is 4 hours",
        "lua: wall clock time too long, see --time",
    ],
)
@pytest.mark.parametrize("status", [403, 500])
async def test_a_time_limit_that_is_refused_in_any_words_is_left_out(refusal: str, status: int) -> None:
    site = Site(RSC_SESSION_MAX_AGE_SECONDS="7200")
    site.firecrest.fail("POST /compute/lab/jobs$", error(status, refusal))
    session = Running(site, await site.controller())
    await site.clock.advance(60)
    [job] = site.scheduler.all
    assert "--time" not in job.script
    assert await session.stop() == ""


async def test_a_slow_interface_is_not_told_as_a_silent_one_while_much_is_printed() -> None:
    site = Site()
    session = await running(site)
    await site.clock.advance(60)
    site.files.append(site.scheduler.all[0].output, b"x" * 99 + b"\n" + b"y" * 9 * 2**20 + b"\nlast\n")

    async def slow(question: Question) -> Answer:
        if "/ops/" in urlsplit(question.url).path:
            await site.clock.sleep(3)
        return await site.firecrest(question)

    site.machine_room = slow
    for _ in range(30):
        await site.clock.advance(10)
        assert session.controller.standing.well, session.controller.standing.trouble
    assert site.printed[-1] == "[session/stdout] last"
    assert sum(len(line) - len("[session/stdout] ") for line in site.printed) == 99 + 9 * 2**20 + 4
    assert site.volume.state.stdout_offset == 100 + 9 * 2**20 + 1 + 5
    assert await session.stop() == ""


@pytest.mark.parametrize("told", ["/elsewhere/slurm-%j.out", "slurm-%A.out", ""])
async def test_a_pattern_is_not_taken_for_a_files_name(told: str) -> None:
    site = Site()
    session = Running(site, await site.controller())
    await site.clock.advance(1)
    job = site.scheduler.run()
    site.files.append(job.output, b"hello\n")
    job.output = told
    await site.clock.advance(70)
    assert site.printed == ["[session/stdout] hello"]
    assert await session.stop() == ""


@pytest.mark.parametrize(
    ("lacks", "value", "says"),
    [
        ("RENKU_BASE_URL", "", "RENKU_BASE_URL is not set"),
        ("RENKU_BASE_URL", "http://renku.example.org", "write https://"),
        ("RSC_WSTUNNEL_SECRET", "", "RSC_WSTUNNEL_SECRET is not set"),
    ],
)
async def test_a_job_that_could_not_dial_in_does_not_wait_in_the_queue_first(lacks: str, value: str, says: str) -> None:
    site = Site(**{lacks: value})
    session = Running(site, await site.controller())
    await site.clock.advance(30)
    assert says in session.controller.standing.trouble
    assert site.scheduler.all == []
    assert await session.stop() == ""
