"""Whatever FirecREST, Run:ai and token issuers answer: an error of ours with a message, never another one."""

import os
import random
from collections.abc import Callable, Coroutine

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amalthea.remote.errors import RemoteError
from amalthea.remote.firecrest.api.client import Client, Order
from amalthea.remote.firecrest.follow import states
from amalthea.remote.firecrest.prepare import repositories
from amalthea.remote.login.client_credentials import ClientCredentials
from amalthea.remote.requests.caller import Caller
from amalthea.remote.runai.client import Client as Runai
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.clock import FakeClock

EXAMPLES = max(60, int(os.environ.get("FUZZ_EXAMPLES", "0")) // 20)
CALLS: dict[str, Callable[[Client], Coroutine[object, None, object]]] = {
    "systems": lambda client: client.systems(),
    "user": lambda client: client.user(),
    "make_folder": lambda client: client.make_folder("/x"),
    "upload": lambda client: client.upload("/x", "y", b"z"),
    "submit": lambda client: client.submit(Order("/x", "/x/y", "", "n")),
    "named": lambda client: client.named("n"),
    "job": lambda client: client.job("1"),
    "outputs": lambda client: client.outputs("1"),
    "stat": lambda client: client.stat("/x"),
    "tail": lambda client: client.tail("/x", 0),
    "view": lambda client: client.view("/x", 0, 1),
    "remove": lambda client: client.remove("/x"),
}
KEYS = (
    *("systems", "name", "fileSystems", "user", "jobs", "jobId", "status", "state", "time", "limit", "output", "size"),
    *("content", "message", "exitCode", "standardOutput", "path", "dataType", "access_token", "workloadId", "projects"),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
STATUSES = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 408, 413, 424, 429, 500, 502, 503, 504, 600])
BODIES = st.binary(max_size=60) | VALUES.map(lambda value: str(value).replace("'", '"').encode("utf-8", "replace"))


class Instantly(FakeClock):
    """A clock on which nobody waits."""

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0


class Token:
    async def get(self, refused: str = "") -> str:
        return f"t{refused}"[:2]


def caller(answer: Answer) -> Caller:
    async def exchange(question: Question) -> Answer:
        assert question.bearer
        return answer

    return Caller(exchange, Token(), Instantly(), random.Random(1))


def outcome(call: Coroutine[object, None, object]) -> object:
    """Return what a call returns, or its error, which is one of ours and says something. Nothing in it waits."""
    try:
        call.send(None)
    except StopIteration as ended:
        return ended.value
    except RemoteError as error:
        told = str(error).strip()
    else:
        raise AssertionError("it waits")
    assert told
    return RemoteError(told)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@given(status=STATUSES, body=BODIES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_answer_of_firecrest(
    call: Callable[[Client], Coroutine[object, None, object]], status: int, body: bytes
) -> None:
    outcome(call(Client(caller(Answer(status, body)), "https://f", "lab")))


@given(status=STATUSES, body=BODIES)
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_answer_of_run_ai(status: int, body: bytes) -> None:
    client = Runai(caller(Answer(status, body)), "https://r")
    for call in (client.project("p"), client.named("n"), client.workload("w"), client.submit({}), client.delete("w")):
        outcome(call)


@given(status=STATUSES, body=BODIES)
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_answer_of_who_gives_tokens(status: int, body: bytes) -> None:
    async def exchange(question: Question) -> Answer:
        return Answer(status, body, float(len(question.url)))

    outcome(ClientCredentials(exchange, FakeClock(), "https://t", "id", "secret")())


@given(state=st.text(max_size=20), code=st.integers() | st.none())
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_state_of_a_job(state: str, code: int | None) -> None:
    body = Answer(
        200,
        b'{"jobs": [{"jobId": 1, "status": {"state": %s, "exitCode": %s}}]}'
        % (_json(state), b"null" if code is None else str(code).encode()),
    )
    found = outcome(Client(caller(body), "https://f", "lab").job("1"))
    if not isinstance(found, RemoteError):
        states.report(found, "")  # type: ignore[arg-type]


@given(st.binary(max_size=300))
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_configuration_of_a_repository(content: bytes) -> None:
    cleaned = repositories.without_secrets(content.decode("utf-8", errors="surrogateescape"))
    assert b"extraheader=" not in cleaned.lower()


def _json(text: str) -> bytes:
    return b'"%s"' % text.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "replace")
