"""The fake FirecREST is as odd as a real one was found to be: tests that go by it are worth something."""

from pathlib import Path

import pytest

from amalthea.remote.requests import exchange
from amalthea.sidecars.http.messages import Answer, Body, Question
from amalthea.testing.remote.cluster import MemoryFiles, MemoryScheduler
from amalthea.testing.remote.disk import DiskFiles
from amalthea.testing.remote.firecrest import FakeFirecrest

URL = "https://firecrest.example.org/v2"
FILES = f"{URL}/filesystem/lab/ops"
JOBS = f"{URL}/compute/lab/jobs"


def fake(lives: float | None = 300.0) -> FakeFirecrest:
    """Return one at second 0, whose tokens live for so many seconds."""
    return FakeFirecrest(lambda: 0.0, lambda _: lives, MemoryFiles(), MemoryScheduler(lambda: 0.0))


async def ask(
    firecrest: FakeFirecrest, method: str, url: str, body: Body | None = None, token: str = "t", **query: str
) -> Answer:
    return await firecrest(Question(method, url, tuple(query.items()), body, token))


async def submitted(firecrest: FakeFirecrest, **env: str) -> Answer:
    firecrest.files.write("/scratch/x/script", b"#!/bin/bash\n")
    job = {"name": "n", "workingDirectory": "/scratch/x", "scriptPath": "/scratch/x/script", "env": env}
    return await ask(firecrest, "POST", JOBS, exchange.as_json({"job": job}))


@pytest.mark.parametrize(
    ("token", "lives", "status", "says"),
    [
        ("", 300.0, 401, "Not authenticated"),
        ("t", None, 401, "Invalid token"),
        ("t", 29.0, 401, "Access token expires too soon"),
        ("t", 31.0, 200, "lab"),
    ],
)
async def test_a_token_with_less_than_half_a_minute_is_refused(
    token: str, lives: float | None, status: int, says: str
) -> None:
    answer = await ask(fake(lives), "GET", f"{URL}/status/systems", token=token)
    assert answer.status == status
    assert says in answer.body.decode()


async def test_view_takes_bytes_and_returns_characters() -> None:
    firecrest = fake()
    firecrest.files.write("/scratch/log", "─".encode() * 10)
    answer = await ask(firecrest, "GET", f"{FILES}/view", path="/scratch/log", offset="8", size="6")
    assert answer.body.decode() == '{"output":"──"}'  # of the four characters in 12 bytes, those from the third on


async def test_tail_starts_at_a_byte() -> None:
    firecrest = fake()
    firecrest.files.write("/scratch/log", "─x".encode())
    answer = await ask(firecrest, "GET", f"{FILES}/tail", path="/scratch/log", bytes="4", skipHeading="true")
    assert '"content":"x"' in answer.body.decode()


@pytest.mark.parametrize(("operation", "status"), [("tail", 413), ("stat", 200)])
async def test_no_more_than_5_mib_come_at_once(operation: str, status: int) -> None:
    firecrest = fake()
    firecrest.files.write("/scratch/log", bytes(5 * 2**20))
    answer = await ask(firecrest, "GET", f"{FILES}/{operation}", path="/scratch/log", bytes="1", skipHeading="true")
    assert answer.status == status


@pytest.mark.parametrize(("path", "status"), [("/scratch/none", 404), ("/etc/passwd", 400)])
async def test_a_file_that_is_not_there_or_none_of_the_clusters(path: str, status: int) -> None:
    assert (await ask(fake(), "GET", f"{FILES}/stat", path=path)).status == status


async def test_sbatch_cuts_a_value_at_a_comma() -> None:
    firecrest = fake()
    assert (await submitted(firecrest, A="with,comma")).body == b'{"jobId":"1"}'
    [job] = firecrest.scheduler.jobs()
    assert job.env == {"A": "with"}


async def test_a_cancelled_job_names_who_did_it_and_an_ended_one_cannot_be_cancelled() -> None:
    firecrest = fake()
    await submitted(firecrest)
    assert (await ask(firecrest, "DELETE", f"{JOBS}/1")).status == 204
    assert '"state":"CANCELLED by 1001"' in (await ask(firecrest, "GET", f"{JOBS}/1")).body.decode()
    assert (await ask(firecrest, "DELETE", f"{JOBS}/1")).status == 500


@pytest.mark.parametrize("filters", [True, False])
async def test_an_older_server_lists_all_jobs_whatever_their_name(*, filters: bool) -> None:
    firecrest = fake()
    firecrest.filters_names = filters
    await submitted(firecrest)
    listed = await ask(firecrest, "GET", JOBS, name="other")
    assert ('"jobId":"1"' in listed.body.decode()) is not filters


async def test_what_is_not_there_is_told_apart() -> None:
    for url, says in ((f"{JOBS}/9", "Job not found."), (f"{URL}/compute/nowhere/jobs/9", "System nowhere not found.")):
        answer = await ask(fake(), "GET", url)
        assert (answer.status, says in answer.body.decode()) == (404, True)


@pytest.mark.parametrize("disk", [False, True], ids=["in memory", "on disk"])
async def test_a_folder_is_removed_with_all_that_is_in_it_and_nothing_else(disk: bool, tmp_path: Path) -> None:
    firecrest = fake()
    firecrest.scratch = str(tmp_path)
    if disk:
        firecrest.files = DiskFiles()
    for name in ("secrets", "secrets2"):
        firecrest.files.make_folder(f"{tmp_path}/{name}")
        firecrest.files.write(f"{tmp_path}/{name}/one", b"1")
    statuses = [(await ask(firecrest, "DELETE", f"{FILES}/rm", path=f"{tmp_path}/secrets")).status for _ in range(2)]
    assert statuses == [204, 404]
    assert firecrest.files.read(f"{tmp_path}/secrets/one") is None
    assert firecrest.files.read(f"{tmp_path}/secrets2/one") is not None
