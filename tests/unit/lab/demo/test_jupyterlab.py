"""Users of the demo see what happens, in the session's own words, and can copy what comes next."""

import base64
import json
import shlex
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.base import state
from lab.base.progress import Step
from lab.cluster.admin import Admin
from lab.cluster.localhost import ask, with_port
from lab.demo import jupyterlab
from lab.demo.git_server import GitServer
from lab.demo.jupyterlab import farewell
from lab.demo.session import DemoError, DemoSession, in_words

READY = {"type": "Ready", "status": "False", "message": "The session is starting."}
RUNNING = {"state": "Running", "url": "http://lab.localhost/lab/"}


@dataclass(frozen=True)
class FakeAdmin(Admin):
    """A cluster whose session goes through these statuses, and stays in the last."""

    statuses: list[dict[str, Any]]
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    written: list[tuple[str, str]] = field(default_factory=list)

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        assert namespace == "amalthea"
        if kind == "secret":
            return self.secrets.get(name)
        assert (kind, name) == ("amaltheasession", "lab")
        return {"status": self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]}

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        body = json.loads(stdin or "")
        self.written.append((arguments[0], body["kind"]))
        if body["kind"] == "Secret":
            data = {key: base64.b64encode(value.encode()).decode() for key, value in body["stringData"].items()}
            self.secrets[body["metadata"]["name"]] = {"data": data}
            assert not any(value in " ".join(arguments) for value in body["stringData"].values())
        return ""


def cluster_with(*statuses: dict[str, Any]) -> FakeAdmin:
    return FakeAdmin("full", Path("/programs/kubectl"), Path("/programs/helm"), list(statuses))


def session_with(*statuses: dict[str, Any]) -> DemoSession:
    return DemoSession(cluster_with(*statuses), "amalthea", jupyterlab.SAMPLE)


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMALTHEA_LAB_STATE", str(tmp_path))
    monkeypatch.setattr("lab.demo.session.POLL_INTERVAL", 0.0)


def test_the_key_to_the_door_is_made_once_and_told() -> None:
    cluster = cluster_with(RUNNING)
    session = DemoSession(cluster, "amalthea", jupyterlab.SAMPLE)
    session.apply()
    key = session.key
    assert len(key) == 32
    session.apply()
    assert session.key == key
    assert cluster.written == [("create", "Secret"), ("apply", "AmaltheaSession"), ("apply", "AmaltheaSession")]
    assert key in farewell(cluster, session, 1)


def test_the_repositorys_credentials_go_into_a_secret_and_into_no_argument() -> None:
    cluster = cluster_with(RUNNING)
    server = GitServer("https://192.0.2.1/analysis.git", "a-password", "a certificate")
    DemoSession(cluster, "amalthea", jupyterlab.SAMPLE, server).apply()
    assert cluster.written[0] == ("apply", "Secret")
    assert "lab-repository" in cluster.secrets


def test_a_secret_without_a_key_ends_the_demo_with_a_remedy() -> None:
    cluster = cluster_with(RUNNING)
    cluster.secrets["lab"] = {"data": {}}
    with pytest.raises(DemoError, match="lab has no key"):
        _ = DemoSession(cluster, "amalthea", jupyterlab.SAMPLE).key


def test_a_session_that_nobody_has_seen_yet_is_not_passed_over_in_silence() -> None:
    assert in_words({}) == "The operator has not seen the session yet."


def test_what_is_wrong_is_told_while_the_session_starts() -> None:
    status = {"conditions": [READY], "containerCounts": {"total": 2}, "error": "A secret is missing."}
    assert in_words(status) == "The session is starting. 0 of 2 containers are ready. A secret is missing."


def test_the_words_of_the_session_are_shown_until_it_runs() -> None:
    step = Step()
    session_with({"state": "NotReady", "conditions": [READY]}, RUNNING).wait_until_running(step)
    assert step.state == "The session is starting"


def test_a_session_that_fails_for_good_ends_the_demo_and_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.demo.session.FAILED_FOR_GOOD", 0.0)
    failed = session_with({"state": "Failed", "error": "Its image cannot be pulled."})
    with pytest.raises(DemoError) as told:
        failed.wait_until_running(Step())
    assert "Its image cannot be pulled." in str(told.value)
    assert "describe amaltheasession lab" in str(told.value)


def test_a_session_that_only_looks_failed_for_a_moment_does_not_end_the_demo() -> None:
    session_with({"state": "Failed", "error": "The node was restarted."}, RUNNING).wait_until_running(Step())


def test_the_commands_at_the_end_can_be_pasted_into_a_shell() -> None:
    session = session_with(RUNNING)
    session.apply()
    told = farewell(cluster_with(), session, 67)
    assert "http://lab.localhost/lab/" in told
    assert f"KUBECONFIG={state.kubeconfig('full')} PATH=/programs:$PATH" in told
    commands = [line.partition(" it ")[2] for line in told.splitlines() if " it  " in line]
    words = [shlex.split(command) for command in commands]
    assert [each[3] for each in words] == ["get", "patch", "patch", "delete"]
    assert words[1][-1] == '{"spec": {"hibernated": true}}'
    assert words[2][-1] == '{"spec": {"hibernated": false}}'


def test_another_port_of_this_machine_is_part_of_the_address() -> None:
    assert with_port("http://one.localhost/lab/?a=b", 8080) == "http://one.localhost:8080/lab/?a=b"
    assert with_port("http://one.localhost/lab/", 80) == "http://one.localhost/lab/"


def test_nobody_listening_is_an_answer_and_not_a_crash() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        answer = ask(f"http://one.localhost:{unused.getsockname()[1]}/")
    assert answer.status == 0
    assert not answer.is_success
