"""The calls of Run:ai's API that a session needs, and the tokens for them."""

from dataclasses import dataclass, field
from urllib.parse import quote

import msgspec

from amalthea.remote.clock import Clock
from amalthea.remote.errors import Refused
from amalthea.remote.login import tokens
from amalthea.remote.login.tokens import Token
from amalthea.remote.requests import exchange, lenient, replies
from amalthea.remote.requests.caller import ATTEMPTS, Caller
from amalthea.remote.requests.exchange import Exchange
from amalthea.sidecars.http.messages import Question

_API = "Run:ai"


class _Given(msgspec.Struct, rename="camel"):
    access_token: str
    expires_in: float | None = None


@dataclass(frozen=True)
class RunaiTokens:
    """Implements `tokens.Giver`."""

    exchange: Exchange
    clock: Clock
    url: str
    client_id: str
    client_secret: str = field(repr=False)

    async def __call__(self) -> Token:
        """Ask for a token; raise Unavailable or Refused."""
        client = {"clientId": self.client_id, "clientSecret": self.client_secret}
        body = exchange.as_json({"grantType": "client_credentials"} | client)
        answer = await self.exchange(Question("POST", f"{self.url}/api/v1/token", body=body))
        given = tokens.read(answer, _Given, "Run:ai", "Check the client's ID and secret.")
        return tokens.received(given.access_token, given.expires_in, self.clock.now().timestamp(), "Run:ai")


class Project(msgspec.Struct, rename="camel", frozen=True):
    """A project, and the cluster that it is on."""

    id: str | int = ""
    name: str = ""
    cluster_id: str = ""


class _Projects(msgspec.Struct, frozen=True):
    projects: tuple[msgspec.Raw, ...] | None = None


class Workload(msgspec.Struct, rename="camel", frozen=True):
    """A workspace."""

    workload_id: str = ""
    id: str = ""
    name: str = ""
    actual_phase: str | None = None

    @property
    def number(self) -> str:
        """Return its ID, which has another name in lists."""
        return self.workload_id or self.id


class _Workloads(msgspec.Struct, frozen=True):
    workloads: tuple[msgspec.Raw, ...] | None = None


@dataclass(frozen=True)
class Client:
    """Asks the Run:ai at `url`. Every method may raise RemoteError."""

    caller: Caller
    url: str

    async def project(self, name: str) -> Project:
        """Return a project; raise Refused if there is none of this name."""
        query = (("filterBy", f"name=={name}"),)
        answer = await self.caller.repeatedly(Question("GET", f"{self.url}/api/v1/org-unit/projects", query))
        listed = lenient.each(replies.read(answer, _Projects, _API).projects or (), Project, _API)
        found = [each for each in listed if each.name == name]
        if not found:
            raise Refused(f"project {name} not found; set RSC_RUNAI_PROJECT to one of Run:ai's.")
        return found[0]

    async def submit(self, workspace: dict[str, object]) -> str:
        """Submit a workspace and return its ID. Asked once: the answer may be lost although it is there."""
        body = exchange.as_json(workspace)
        answer = await self.caller.once(Question("POST", self._workspaces(), body=body))
        return replies.read(answer, Workload, _API).number

    async def named(self, name: str) -> str:
        """Return the ID of the workspace of this name, empty if there is none."""
        query = (("filterBy", f"name=={name}"),)
        answer = await self.caller.repeatedly(Question("GET", f"{self.url}/api/v1/workloads", query))
        listed = lenient.each(replies.read(answer, _Workloads, _API).workloads or (), Workload, _API)
        found = [each for each in listed if each.name == name]
        if found and not found[-1].number:
            raise exchange.unreadable(_API)
        return found[-1].number if found else ""

    async def workload(self, number: str, attempts: int = ATTEMPTS) -> Workload:
        """Return a workspace; raise NotFound if there is none."""
        answer = await self.caller.repeatedly(Question("GET", self._workspaces(number)), attempts)
        return replies.read(answer, Workload, _API)

    async def delete(self, number: str) -> None:
        """Delete a workspace; raise NotFound if there is none."""
        answer = await self.caller.once(Question("DELETE", self._workspaces(number)))
        if not answer.ok:
            raise replies.error(answer, _API)

    def _workspaces(self, number: str = "") -> str:
        path = f"{self.url}/api/v1/workloads/workspaces"
        return path + (f"/{quote(number, safe='')}" if number else "")
