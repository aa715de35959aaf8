"""A FirecREST v2 in the test's own process, with the answers, codes and faults of a real one (2.5).

It implements `remote.exchange.Exchange`, so no socket is needed; `firecrest_server.py` serves it over HTTP. What it
gets wrong on purpose, as the real one does: `view` takes bytes and slices characters, an ended job cannot be cancelled
(500), a state has words after the first, a value in `env` ends at a comma.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from amalthea.remote.errors import Unavailable
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.remote.cluster import ClusterError, Files, Scheduler, SlowClusterError, SlurmJob

MAX_OUTPUT = 5 * 1024 * 1024
_TOO_SOON = 30.0
_NO_JOB = "Job not found."
Fault = Answer | Unavailable


@dataclass
class _Pending:
    match: re.Pattern[str]
    fault: Fault
    times: int
    acts: bool


class Refusal(Exception):  # noqa: N818  (named by what happened)
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = error(status, message)


def error(status: int, message: str, retry_after: float | None = None) -> Answer:
    """Return an error as FirecREST words it."""
    body = {"errorType": "error", "message": message, "causedBy": None, "data": None, "user": "alice"}
    return Answer(status, msgspec.json.encode(body), retry_after)


@dataclass
class FakeFirecrest:
    """One FirecREST with one cluster. `now` returns seconds since 1970, `ends` when a token ends (None: not known)."""

    now: Callable[[], float]
    ends: Callable[[str], float | None]
    files: Files
    scheduler: Scheduler
    system: str = "lab"
    user: str = "alice"
    scratch: str = "/scratch"
    base: str = "/v2"
    """The prefix of each path."""
    filters_names: bool = True
    """Whether it is 2.5.7 or later, which looks for jobs by their name."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each question so far."""
    _faults: list[_Pending] = field(default_factory=list)

    def fail(self, question: str, fault: Fault, times: int = 1, *, acts: bool = False) -> None:
        """Answer the next questions whose `METHOD /path` matches a pattern with a fault; `acts`: after doing it."""
        self._faults.append(_Pending(re.compile(question), fault, times, acts))

    def heal(self) -> None:
        """Forget all faults that are to come."""
        self._faults.clear()

    def count(self, question: str) -> int:
        """Return how many questions so far match a pattern."""
        return sum(re.search(question, f"{method} {path}") is not None for method, path in self.asked)

    async def __call__(self, question: Question) -> Answer:
        """Answer a question; raise Unavailable where a fault says so."""
        path = urlsplit(question.url).path.removeprefix(self.base)
        self.asked.append((question.method, path))
        fault = self._fault(f"{question.method} {path}")
        if fault is not None and not fault.acts:
            return _given(fault.fault)
        answer = self._answer(question, path)
        return _given(fault.fault) if fault is not None else answer

    def _fault(self, asked: str) -> _Pending | None:
        found = next((each for each in self._faults if each.match.search(asked)), None)
        if found is not None:
            found.times -= 1
            if found.times <= 0:
                self._faults.remove(found)
        return found

    def _answer(self, question: Question, path: str) -> Answer:
        try:
            self._check(question.bearer)
            parts = path.lower().strip("/").split("/")
            if len(parts) > 1 and parts[1] not in ("systems", self.system):
                raise Refusal(404, f"System {parts[1]} not found.")
            match question.method, *parts:
                case "GET", "status", "systems":
                    return _json(200, {"systems": [self._system()]})
                case "GET", "status", _, "userinfo":
                    return _json(200, {"user": {"id": "1001", "name": self.user}, "groups": []})
                case _, "filesystem", _, "ops", operation:
                    return self._operation(operation, question)
                case _, "compute", _, "jobs", *rest:
                    return self._jobs(question, rest)
            raise Refusal(404, "Not Found")
        except Refusal as refusal:
            return refusal.answer
        except ClusterError as refusal:
            return _failed(refusal)

    def _check(self, token: str) -> None:
        if not token:
            raise Refusal(401, "Not authenticated")
        ends = self.ends(token)
        if ends is None:
            raise Refusal(401, "Invalid token")
        if ends - self.now() < _TOO_SOON:
            raise Refusal(401, "Access token expires too soon")

    def _file_systems(self) -> list[tuple[str, str, bool]]:
        return [("/users", "users", False), (self.scratch, "scratch", True), ("/store", "store", False)]

    def _system(self) -> dict[str, object]:
        listed = [{"path": path, "dataType": kind, "defaultWorkDir": work} for path, kind, work in self._file_systems()]
        return {"name": self.system, "fileSystems": listed, "servicesHealth": None}

    def _operation(self, operation: str, question: Question) -> Answer:
        query = dict(question.query)
        place = _decode(question)["sourcePath"] if operation in ("mkdir", "chmod") else query["path"]
        if not any(place.startswith(f"{root}/") for root, _, _ in self._file_systems()):
            raise Refusal(400, f"{place} is not on a file system of {self.system}.")
        if operation in ("mkdir", "chmod"):
            if operation == "mkdir":
                self.files.make_folder(place)
            else:
                self.files.set_mode(place, _decode(question)["mode"])
            return _json(201 if operation == "mkdir" else 200, {"output": {"name": place}})
        if operation == "upload":
            name, content = _uploaded(question)
            if len(content) > MAX_OUTPUT:
                raise Refusal(413, "File is too large.")
            self.files.write(f"{place}/{name}", content)
            return Answer(204)
        if operation == "rm":
            if not self.files.remove(place):
                raise Refusal(404, f"rm: cannot remove '{place}': No such file or directory")
            return Answer(204)
        found = self.files.read(place)
        if found is None:
            raise Refusal(404, f"stat: cannot statx '{place}': No such file or directory")
        return _part(operation, query, *found)

    def _jobs(self, question: Question, rest: list[str]) -> Answer:
        if not rest and question.method == "POST":
            return _json(201, {"jobId": self._submit(_decode(question)["job"])})
        jobs = self.scheduler.jobs()
        if not rest:
            wanted = dict(question.query).get("name") if self.filters_names else None
            return _json(200, {"jobs": [_told(job) for job in jobs if wanted in (None, job.name)]})
        job = next((job for job in jobs if job.id == rest[0]), None)
        if question.method == "DELETE":
            self.scheduler.cancel(rest[0])
            return Answer(204)
        if job is None:
            raise Refusal(404, _NO_JOB)
        if rest[1:] == ["metadata"]:
            found = {"jobId": job.id, "standardOutput": job.output, "standardError": job.error or None}
            return _json(200, {"jobs": [found]})
        return _json(200, {"jobs": [_told(job)]})

    def _submit(self, job: dict[str, Any]) -> str:
        script = self.files.read(job["scriptPath"])
        if script is None:
            raise ClusterError(f"sbatch: error: Unable to open file {job['scriptPath']}")
        if not script[0].startswith(b"#!"):
            raise ClusterError("sbatch: error: This does not look like a batch script.")
        env = {name: value.split(",")[0] for name, value in job.get("env", {}).items()}
        text = script[0].decode()
        made = SlurmJob("", job.get("name", ""), job["workingDirectory"], text, job.get("account", ""), env)
        return self.scheduler.submit(made)


def _failed(command: ClusterError) -> Answer:
    """Answer for a command on the cluster that failed."""
    if isinstance(command, SlowClusterError):
        return error(408, str(command))
    return error(500, f"Unexpected Slurm command response. exit_status:1 std_err:{command}")


def _part(operation: str, query: dict[str, str], content: bytes, inode: int) -> Answer:
    """Answer what asks for a file's size or a part of it, as commands on the cluster do."""
    if operation == "stat":
        return _json(200, {"output": {"size": len(content), "ino": inode, "mode": 0o100644, "mtime": 0}})
    if operation == "tail":
        return _bounded(content[int(query["bytes"]) - 1 :], lambda text: {"content": text, "contentType": "bytes"})
    size, offset = int(query["size"]), int(query["offset"])
    begin = offset // size * size
    within = offset % size
    return _bounded(content[begin : begin + 2 * size], lambda text: text[within : within + size])


def _bounded(content: bytes, output: Callable[[str], object]) -> Answer:
    if len(content) >= MAX_OUTPUT:
        raise Refusal(413, "Command output exceeded buffer limit.")
    return _json(200, {"output": output(content.decode(errors="replace"))})


def _told(job: SlurmJob) -> dict[str, object]:
    status = {"state": job.state, "stateReason": job.reason, "exitCode": job.exit_code, "interruptSignal": job.signal}
    time = {"elapsed": job.elapsed, "start": job.start, "end": None, "suspended": 0, "limit": job.limit}
    return {"jobId": job.id, "name": job.name, "status": status, "time": time, "workingDirectory": job.folder}


def _decode(question: Question) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(question.body.content if question.body else b"{}")
    return found


def _uploaded(question: Question) -> tuple[str, bytes]:
    assert question.body is not None
    boundary = question.body.type.rpartition("boundary=")[2].encode()
    part = question.body.content.split(b"--" + boundary)[1]
    head, _, content = part.partition(b"\r\n\r\n")
    name = re.search(rb'filename="([^"]+)"', head)
    assert name is not None
    return name[1].decode(), content.removesuffix(b"\r\n")


def _given(fault: Fault) -> Answer:
    if isinstance(fault, Unavailable):
        raise fault
    return fault


def _json(status: int, value: object) -> Answer:
    return Answer(status, msgspec.json.encode(value))
