"""What FirecREST answers: one field that is odd takes no other with it, and nothing that is told is not a number."""

import json
import random
from datetime import UTC, datetime

import pytest

from amalthea.model.views import remote_job
from amalthea.remote.errors import RemoteError, Unavailable
from amalthea.remote.firecrest.api.client import Client
from amalthea.remote.firecrest.follow import states
from amalthea.remote.job.port import Phase
from amalthea.remote.job.standing import Standing
from amalthea.remote.requests.caller import Caller
from amalthea.sidecars.http.messages import Answer, Question
from tests.unit.remote.test_fuzz import Instantly, Token


def client(body: object) -> Client:
    async def exchange(question: Question) -> Answer:
        assert question.bearer
        return Answer(200, json.dumps(body).encode())

    return Client(Caller(exchange, Token(), Instantly(), random.Random(1)), "https://f", "lab")


ODD: tuple[object, ...] = (None, [], {}, {"set": True, "number": 5}, "UNLIMITED", "nan", "-inf", True, 1.5, -1, 10**30)
FIELDS = ("stateReason", "exitCode", "interruptSignal")
TIMES = ("elapsed", "start", "limit")


@pytest.mark.parametrize("odd", ODD, ids=map(str, ODD))
async def test_a_field_of_another_type_does_not_hide_that_the_job_runs(odd: object) -> None:
    status = {"state": "RUNNING"} | dict.fromkeys(FIELDS, odd)
    for times in (odd, dict.fromkeys(TIMES, odd)):
        found = await client({"jobs": [{"jobId": "7", "name": odd, "status": status, "time": times}]}).job("7")
        standing = Standing().heard(states.report(found, ""), 1000.0)
        assert standing.phase is Phase.RUNNING
        told = json.dumps(standing.told_the_operator(2000.0)).encode()
        assert remote_job.read(told, datetime.now(UTC)).phase == "Running"


async def test_a_job_without_a_limit_is_not_told_to_end_at_once() -> None:
    times = {"elapsed": 100, "limit": 0, "start": 0}
    found = await client({"jobs": [{"jobId": "7", "status": {"state": "RUNNING"}, "time": times}]}).job("7")
    told = Standing().heard(states.report(found, ""), 1000.0).told_the_operator(1000.0)
    assert {"limitSeconds", "remainingSeconds", "endsAt"}.isdisjoint(told)


async def test_a_job_is_found_among_others_whose_fields_are_odd() -> None:
    others: list[object] = [{"jobId": 1, "name": odd, "status": odd, "time": odd} for odd in ODD]
    ours = {"jobId": "9", "name": "ours", "status": {"state": "PENDING"}}
    assert await client({"jobs": [*others, ours]}).named("ours") == "9"


@pytest.mark.parametrize("item", [None, "1", {}, {"name": "ours"}, {"jobId": None, "name": "ours"}], ids=str)
async def test_a_list_with_an_item_that_cannot_be_read_is_not_one_without_the_job(item: object) -> None:
    with pytest.raises(Unavailable):
        await client({"jobs": [item]}).named("ours")


@pytest.mark.parametrize("state", [None, "", [], 5])
async def test_a_job_without_a_state_is_told_as_an_answer_that_cannot_be_read(state: object) -> None:
    with pytest.raises(RemoteError, match="cannot be read"):
        await client({"jobs": [{"jobId": "7", "status": {"state": state}}]}).job("7")


async def test_of_several_jobs_the_one_that_was_asked_for_counts() -> None:
    jobs = [{"jobId": "6", "status": {"state": "FAILED"}}, {"jobId": 7, "status": {"state": "RUNNING"}}]
    assert (await client({"jobs": jobs}).job("7")).status.state == "RUNNING"


async def test_a_cluster_is_found_among_others_that_are_odd() -> None:
    scratch = {"path": "/scratch", "dataType": "scratch", "defaultWorkDir": None}
    odd = [{"name": None}, {"name": "x", "fileSystems": None}]
    ours = {
        "name": "lab",
        "fileSystems": [{"path": None, "dataType": "scratch"}, {"dataType": 5, "path": "/x"}, scratch],
    }
    found = [each for each in await client({"systems": [*odd, ours]}).systems() if each.name == "lab"]
    assert [(each.path, each.data_type) for each in found[0].file_systems] == [("/x", ""), ("/scratch", "scratch")]
