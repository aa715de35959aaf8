"""A Run:ai in the test's own process: tokens, projects, workspaces. It is a `remote.requests.exchange.Exchange`."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from amalthea.sidecars.http.messages import Answer, Question

_QUANTITY = re.compile(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)")
"""The pattern in the API reference."""


@dataclass
class Workspace:
    """A session's workspace."""

    id: str
    request: dict[str, Any]
    phase: str = "Pending"

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables of its program."""
        return {each["name"]: each["value"] for each in self.request["spec"]["environmentVariables"]}


@dataclass
class FakeRunai:
    """One Run:ai with the project `lab`. `lost` is how many answers to a submission are lost though it was done."""

    workspaces: dict[str, Workspace] = field(default_factory=dict)
    lost: int = 0
    fault: Callable[[Question], Answer | None] = lambda _: None
    """The answer in its place, by a proxy in front of it."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def __call__(self, question: Question) -> Answer:
        """Answer a question."""
        path = urlsplit(question.url).path
        self.asked.append((question.method, path))
        if (answer := self.fault(question)) is not None:
            return answer
        body = msgspec.json.decode(question.body.content) if question.body else {}
        if path == "/api/v1/token":
            client = {"grantType": "client_credentials", "clientId": "client", "clientSecret": "client's secret"}
            return _json(200, {"accessToken": "token", "expiresIn": 3600}) if body == client else Answer(401)
        if question.bearer != "token":
            return Answer(401)
        return self._answer(question, path, body)

    def _answer(self, question: Question, path: str, body: dict[str, Any]) -> Answer:
        name = dict(question.query).get("filterBy", "").removeprefix("name==")
        match question.method, path.removeprefix("/api/v1/"):
            case "GET", "org-unit/projects":
                listed = [{"id": "11", "name": "lab", "clusterId": "c1"}] if name == "lab" else []
                return _json(200, {"projects": listed})
            case "GET", "workloads":
                found = [each for each in self.workspaces.values() if each.request["name"] == name]
                return _json(200, {"workloads": [{"id": each.id, "name": each.request["name"]} for each in found]})
            case "POST", "workloads/workspaces":
                if problem := compute_problem(body["spec"].get("compute", {})):
                    return _json(400, {"message": problem})
                made = Workspace(f"w{next(self._numbers)}", body)
                self.workspaces[made.id] = made
                if self.lost:
                    self.lost -= 1
                    return Answer(504)
                return _json(202, _told(made))
        return self._one(question.method, path)

    def _one(self, method: str, path: str) -> Answer:
        match = re.fullmatch(r"/api/v1/workloads/workspaces/(\w+)", path)
        workspace = self.workspaces.get(match[1]) if match else None
        if workspace is None:
            return _json(404, {"message": "workload not found"})
        if method == "DELETE":
            workspace.phase = "Deleting"
            return _json(202, {})
        return _json(200, _told(workspace))


def compute_problem(compute: dict[str, Any]) -> str:
    """Return what Run:ai does not take of a workspace's `compute`, by its API reference; empty if nothing."""
    for name, value in compute.items():
        if name == "cpuCoreRequest":
            fits = type(value) in (int, float) and value >= 0
        elif name == "cpuMemoryRequest":
            fits = isinstance(value, str) and _QUANTITY.fullmatch(value) is not None
        else:
            fits = name == "gpuDevicesRequest" and type(value) is int and value >= 0
        if not fits:
            return f"compute.{name} is invalid"
    return ""


def _told(workspace: Workspace) -> dict[str, object]:
    return {"workloadId": workspace.id, "name": workspace.request["name"], "actualPhase": workspace.phase}


def _json(status: int, value: object) -> Answer:
    return Answer(status, msgspec.json.encode(value))
