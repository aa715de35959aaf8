"""A session in Run:ai: submitted once, found again, followed, deleted; its secrets in no log."""

import logging
import random

import msgspec
import pytest

from amalthea.remote import kinds, settings
from amalthea.remote.errors import Refused
from amalthea.remote.job.controller import Controller
from amalthea.remote.job.journal import State
from amalthea.remote.job.port import Phase, RemoteBackend, Surroundings
from amalthea.remote.requests.caller import Caller
from amalthea.remote.runai.client import Client
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.remote.runai import FakeRunai, compute_problem
from tests.unit.remote.site import Fuse, MemoryJournal, Running, Site
from tests.unit.remote.test_fuzz import Instantly, Token

RUNAI = {
    "RSC_RUNAI_BASE_URL": "https://runai.example.org/",
    "RSC_RUNAI_PROJECT": "lab",
    "RSC_AUTH_KIND": "client_credentials",
    "RSC_AUTH_RUNAI_CLIENT_ID": "client",
    "RSC_AUTH_RUNAI_CLIENT_SECRET": "client's secret",
    "RSC_WSTUNNEL_SECRET": "the tunnel's secret",
    "REMOTE_SESSION_IMAGE": "registry.example.org/group/lab:1",
    "RENKU_BASE_URL": "https://renku.example.org",
    "RENKU_BASE_URL_PATH": "/sessions/mine",
    "USER_ENV_MINE": "a,b",
}


class Runai(Site):
    """A site whose remote backend is Run:ai."""

    def __init__(self) -> None:
        super().__init__()
        self.runai = FakeRunai()
        self.machine_room = self.runai
        self.env = dict(RUNAI)

    async def backend(self, fuse: Fuse | None = None) -> RemoteBackend:
        async def print_lines(lines: list[str]) -> None:
            self.printed += lines

        journal = MemoryJournal(self.volume, fuse or Fuse())
        around = Surroundings(self.machine_room, self.clock, random.Random(1), journal, print_lines, self.env)
        options = settings.read([], self.env)
        return await kinds.choose(options).make(options, around)

    async def session(self) -> Running:
        return Running(self, Controller(await self.backend(), self.clock, random.Random(1)))


async def test_a_workspace_is_submitted_with_the_image_as_it_is_and_the_users_variables() -> None:
    site = Runai()
    session = await site.session()
    await site.clock.advance(1)
    [made] = site.runai.workspaces.values()
    assert made.request["name"].startswith("amalthea-lab-20260101-12-00-0")
    assert (made.request["projectId"], made.request["clusterId"]) == ("11", "c1")
    assert made.request["spec"]["image"] == "registry.example.org/group/lab:1"
    assert made.variables == {
        "MINE": "a,b",
        "HOME": "/home/renku/work",
        "RENKU_PROJECT_PATH": "dev-project",
        "RENKU_BASE_URL_PATH": "/sessions/mine",
        "RENKU_SESSION_PORT": "8888",
        "RENKU_MOUNT_DIR": "/home/renku/work",
        "RENKU_WORKING_DIR": "/home/renku/work",
        "WSTUNNEL_SERVICE_ADDRESS": "renku.example.org",
        "WSTUNNEL_SERVICE_PORT": "443",
        "WSTUNNEL_SERVICE_SCHEME": "https",
        "WSTUNNEL_PATH_PREFIX": "/sessions/mine/__amalthea__/tunnel",
        "WSTUNNEL_SECRET": "the tunnel's secret",
    }
    assert await session.stop() == ""


_AMOUNTS = {"RSC_SESSION_CPU": "2", "RSC_SESSION_MEMORY": "1536", "RSC_SESSION_GPUS": "1"}
_ASKED = {"cpuCoreRequest": 2, "cpuMemoryRequest": "1536Mi", "gpuDevicesRequest": 1}


@pytest.mark.parametrize(
    ("said", "amounts", "asked"),
    [
        ({"RUNAI": "true"}, {}, _ASKED),
        ({"RUNAI": "True"}, {"RSC_SESSION_GPUS": ""}, {"cpuCoreRequest": 2, "cpuMemoryRequest": "1536Mi"}),
        ({"RUNAI": "true"}, dict.fromkeys(_AMOUNTS, ""), None),
        ({"FIRECREST": "true"}, {}, _ASKED),
        ({"FIRECREST": "true", "RUNAI": "false"}, {}, None),
        ({"FIRECREST": "false", "RUNAI": "true"}, {}, _ASKED),
        ({"FIRECREST": "false"}, {}, None),
        ({}, {}, None),
    ],
)
async def test_a_workspace_asks_for_what_its_session_does_where_that_is_wanted(
    said: dict[str, str], amounts: dict[str, str], asked: dict[str, object] | None
) -> None:
    site = Runai()
    site.env |= {f"RSC_{kind}_FORWARD_RESOURCE_VALUES": text for kind, text in said.items()} | _AMOUNTS | amounts
    session = await site.session()
    await site.clock.advance(1)
    [made] = site.runai.workspaces.values()
    assert made.request["spec"].get("compute") == asked
    assert await session.stop() == ""


async def test_an_amount_that_is_no_number_is_named() -> None:
    site = Runai()
    site.env |= _AMOUNTS | {"RSC_SESSION_MEMORY": "1.5G", "RSC_RUNAI_FORWARD_RESOURCE_VALUES": "true"}
    with pytest.raises(settings.SettingsError, match="RSC_SESSION_MEMORY is not a number"):
        await site.backend()


@pytest.mark.parametrize(
    "compute",
    [
        {"cpuCoreRequest": "2"},
        {"cpuMemoryRequest": 1536},
        {"cpuMemoryRequest": "1.5 GiB"},
        {"gpuDevicesRequest": 0.5},
        {"gpuDevicesRequest": 2, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
        {"cpu": 2},
    ],
)
def test_the_fake_takes_only_what_run_ai_takes(compute: dict[str, object]) -> None:
    assert compute_problem(compute)
    assert not compute_problem(_ASKED)


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        *((word, Phase.NOT_READY) for word in ("Pending", "Creating", "Initializing", "Resuming")),
        *((word, Phase.FAILED) for word in ("Failed", "Stopped", "Deleting", "Terminating", "Degraded")),
        ("Running", Phase.RUNNING),
        ("Completed", Phase.COMPLETED),
        ("Updating", Phase.NOT_READY),
    ],
)
async def test_the_phase_is_the_sessions(word: str, phase: Phase) -> None:
    site = Runai()
    session = await site.session()
    await site.clock.advance(1)
    next(iter(site.runai.workspaces.values())).phase = word
    await site.clock.advance(6)
    assert session.controller.standing.phase is phase
    assert bool(session.controller.standing.trouble) is (phase is Phase.FAILED)
    assert await session.stop() == ""


async def test_a_workspace_is_deleted_when_the_pod_stops() -> None:
    site = Runai()
    session = await site.session()
    await site.clock.advance(1)
    assert await session.stop() == ""
    assert [each.phase for each in site.runai.workspaces.values()] == ["Deleting"]
    assert site.volume.state == State()


async def test_a_submission_whose_answer_is_lost_is_made_once() -> None:
    site = Runai()
    site.runai.lost = 1
    session = await site.session()
    await site.clock.advance(30)
    assert len(site.runai.workspaces) == 1
    assert site.volume.state.job_id == "w1"
    assert await session.stop() == ""


@pytest.mark.parametrize("go", [False, True], ids=["ours", "the Go controller's"])
async def test_a_workspace_of_an_earlier_start_is_found_again(*, go: bool) -> None:
    site = Runai()
    first = await site.session()
    await site.clock.advance(1)
    first.task.cancel()
    await site.clock.advance(0)
    if go:
        site.volume.state = State(job_name=site.runai.workspaces["w1"].request["name"])
    second = await site.session()
    await site.clock.advance(1)
    assert list(site.runai.workspaces) == ["w1"]
    assert await second.stop() == ""
    assert site.runai.workspaces["w1"].phase == "Deleting"


async def test_a_project_that_there_is_not_is_told() -> None:
    site = Runai()
    site.env["RSC_RUNAI_PROJECT"] = "nowhere"
    with pytest.raises(Refused, match="project nowhere not found"):
        await site.finish((await site.backend()).start())


async def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    site = Runai()
    session = await site.session()
    await site.clock.advance(90)
    assert await session.stop() == ""
    said = "".join(f"{vars(record)}" for record in caplog.records)
    assert said
    assert "secret" not in said


def astray(question: Question) -> Answer | None:
    """Answer as an ingress does that does not know where Run:ai is."""
    return Answer(404, b"<html>404 page not found</html>") if "workspaces/" in question.url else None


async def test_a_404_of_an_ingress_is_no_word_about_the_workspace() -> None:
    site = Runai()
    session = await site.session()
    await site.clock.advance(1)
    site.runai.workspaces["w1"].phase = "Running"
    await site.clock.advance(10)
    site.runai.fault = astray
    await site.clock.advance(600)
    assert session.controller.standing.phase is Phase.RUNNING
    session.task.cancel()
    await site.clock.advance(0)
    again = await site.session()
    await site.clock.advance(60)
    site.runai.fault = lambda _: None
    await site.clock.advance(60)
    assert list(site.runai.workspaces) == ["w1"]
    site.runai.fault = astray
    assert "could not be cancelled" in await again.stop()
    assert site.volume.state.job_id == "w1"


async def test_a_workspace_that_run_ai_does_not_know_once_is_not_lost() -> None:
    site = Runai()
    session = await site.session()
    await site.clock.advance(1)
    site.runai.workspaces["w1"].phase = "Running"
    await site.clock.advance(10)
    [made] = site.runai.workspaces.values()
    site.runai.workspaces.clear()
    await site.clock.advance(61)
    assert session.controller.standing.phase is Phase.RUNNING
    site.runai.workspaces["w1"] = made
    await site.clock.advance(61)
    assert session.controller.standing.well
    site.runai.workspaces.clear()
    await site.clock.advance(200)
    assert "lost the workspace" in session.controller.standing.trouble
    assert await session.stop() == ""


async def test_a_stop_during_a_submission_that_hangs_leaves_time_to_delete_its_workspace() -> None:
    site = Runai()
    api = site.runai

    async def hanging(question: Question) -> Answer:
        answer = await api(question)
        if question.method == "POST" and question.url.endswith("workspaces"):
            await site.clock.sleep(3600)
        return answer

    site.machine_room = hanging
    session = await site.session()
    await site.clock.advance(2)
    before = site.clock.monotonic()
    assert await session.stop() == ""
    assert site.clock.monotonic() - before < 40
    assert [each.phase for each in api.workspaces.values()] == ["Deleting"]


@pytest.mark.parametrize("body", [b"{}", b'{"workloadId": ""}', b'{"workloadId": null}', b""])
async def test_a_workspace_that_is_taken_without_an_id_is_found_by_its_name(body: bytes) -> None:
    site = Runai()
    answered = list[Answer]()

    async def forgetful(question: Question) -> Answer:
        answer = await site.runai(question)
        if question.method == "POST" and question.url.endswith("/workspaces") and not answered:
            answered.append(answer)
            return Answer(202, body)
        return answer

    site.machine_room = forgetful
    session = await site.session()
    await site.clock.advance(60)
    assert len(site.runai.workspaces) == 1
    assert site.volume.state.job_id == "w1"
    assert await session.stop() == ""


async def test_a_filter_that_filters_nothing_gives_no_session_to_another_project() -> None:
    listed = [{"id": 3, "name": "others", "clusterId": "c1"}, {"name": None}, {"id": 4, "name": "lab", "clusterId": 9}]
    body = msgspec.json.encode({"projects": listed})

    async def exchange(question: Question) -> Answer:
        assert question.bearer
        return Answer(200, body)

    client = Client(Caller(exchange, Token(), Instantly(), random.Random(1)), "https://r")
    assert (await client.project("lab")).id == 4
    with pytest.raises(Refused, match="nowhere not found"):
        await client.project("nowhere")


async def test_a_variable_that_is_not_text_is_told_by_its_name() -> None:
    site = Runai()
    site.env["USER_ENV_BINARY"] = "s3cret\udcff"
    session = await site.session()
    await site.clock.advance(30)
    assert "BINARY holds bytes that are not text" in session.controller.standing.trouble
    assert "s3cret" not in session.controller.standing.trouble
    assert site.runai.workspaces == {}
    assert await session.stop() == ""
