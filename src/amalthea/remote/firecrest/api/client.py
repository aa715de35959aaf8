"""The calls of FirecREST v2 that a session needs. Idempotent ones are asked again where that may help."""

from dataclasses import dataclass
from urllib.parse import quote

from amalthea.remote.errors import Doubtful, Refused, Unavailable
from amalthea.remote.firecrest.api import answers
from amalthea.remote.firecrest.api.answers import Job
from amalthea.remote.requests import exchange, replies
from amalthea.remote.requests.caller import ATTEMPTS, Caller
from amalthea.sidecars.http.messages import Question

_WINDOW = "7d"
"""Days of jobs to look through; servers before 2.5.7 do not know the parameter and list as many by themselves."""
_SLURM_IS_AWAY = ("unable to contact slurm controller", "socket timed out", "connection refused", "standby mode")
"""What sbatch and scancel say where they were not heard, or not to the end: the job may be there all the same."""


@dataclass(frozen=True)
class Order:
    """A job to be submitted."""

    folder: str
    script: str
    """Path of the script."""
    account: str
    """Empty: the user's default one."""
    name: str

    def encode(self) -> dict[str, object]:
        """Return the body. The one variable is the folder: sbatch cuts values at commas, and accounting keeps them."""
        job = {
            "name": self.name,
            "workingDirectory": self.folder,
            "scriptPath": self.script,
            "env": {"SESSION_DIR": self.folder},
        }
        return {"job": job | ({"account": self.account} if self.account else {})}


@dataclass(frozen=True)
class Client:
    """Asks one cluster (`system`) through the FirecREST at `url`. Every method may raise RemoteError."""

    caller: Caller
    url: str
    system: str

    async def systems(self) -> list[answers.System]:
        """Return all clusters."""
        answer = await self.caller.repeatedly(Question("GET", f"{self.url}/status/systems"))
        return answers.systems(answer)

    async def user(self) -> str:
        """Return the name of the user on the cluster."""
        answer = await self.caller.repeatedly(Question("GET", f"{self.url}/status/{self.system}/userinfo"))
        return answers.read(answer, answers.UserInfo).user.name

    async def make_folder(self, path: str) -> None:
        """Make a folder and those above it, where they are missing."""
        body = exchange.as_json({"sourcePath": path, "parent": True})
        answer = await self.caller.repeatedly(Question("POST", self._files("mkdir"), body=body))
        if not answer.ok:
            raise answers.error(answer)

    async def set_mode(self, path: str, mode: str) -> None:
        """Set the rights of a file or folder, written as octal digits."""
        body = exchange.as_json({"sourcePath": path, "mode": mode})
        answer = await self.caller.repeatedly(Question("PUT", self._files("chmod"), body=body))
        if not answer.ok:
            raise answers.error(answer)

    async def upload(self, folder: str, name: str, content: bytes) -> None:
        """Write a file, in place of one that is there."""
        query = (("path", folder),)
        body = exchange.as_upload(name, content)
        answer = await self.caller.repeatedly(Question("POST", self._files("upload"), query, body))
        if answer.status == 413:
            raise Refused(f"{name} has {len(content)} bytes, more than FirecREST accepts (5 MiB); make it smaller.")
        if not answer.ok:
            raise answers.error(answer)

    async def remove(self, path: str) -> None:
        """Remove a file, or a folder with all that is in it, if it is there."""
        answer = await self.caller.repeatedly(Question("DELETE", self._files("rm"), (("path", path),)))
        if not answer.ok and answer.status != 404:
            raise answers.error(answer)

    async def submit(self, order: Order) -> str:
        """Submit a job and return its number. Asked once: the answer may be lost although the job is there."""
        answer = await self.caller.once(Question("POST", self._jobs(), body=exchange.as_json(order.encode())))
        if answer.status == 500 and (said := replies.message(answer)):
            if _is_away(said):
                raise Unavailable(f"Slurm does not answer: {said}")
            raise Doubtful(f"The cluster does not accept the job: {said}")
        number = str(answers.read(answer, answers.Submitted).job_id)
        return number if number.strip("0") else ""

    async def named(self, name: str) -> str:
        """Return the number of the newest job of this name, empty if there is none."""
        query = (("name", name), ("time_window", _WINDOW))
        answer = await self.caller.repeatedly(Question("GET", self._jobs(), query))
        jobs = [job for job in answers.jobs(answer) if job.name == name]
        return str(jobs[-1].job_id) if jobs else ""

    async def job(self, job_id: str, attempts: int = ATTEMPTS) -> Job:
        """Return a job; raise NotFound only if the cluster does not know it."""
        answer = await self.caller.repeatedly(Question("GET", self._jobs(job_id)), attempts)
        if answer.status == 404 and "job" not in replies.message(answer).lower():
            raise Refused(f"{answers.error(answer)}")  # a wrong address, or a server before it: no word about the job
        jobs = [job for job in answers.jobs(answer) if job.status.state]
        if not jobs:
            raise exchange.unreadable("FirecREST")
        return next((job for job in jobs if str(job.job_id) == job_id), jobs[0])

    async def outputs(self, job_id: str) -> answers.Metadata:
        """Return the files that a job writes to."""
        answer = await self.caller.repeatedly(Question("GET", f"{self._jobs(job_id)}/metadata"))
        return answers.metadata(answer)

    async def cancel(self, job_id: str) -> bool:
        """Cancel a job; return whether the cluster got the request. The job's state shows the outcome."""
        answer = await self.caller.once(Question("DELETE", self._jobs(job_id)))
        said = replies.message(answer)
        heard = bool(said) and not _is_away(said)
        return answer.ok or (answer.status in (404, 500) and heard)  # 500: it had ended already

    async def stat(self, path: str) -> tuple[int, int]:
        """Return a file's size in bytes, and its inode."""
        query = (("path", path), ("dereference", "true"))
        answer = await self.caller.repeatedly(Question("GET", self._files("stat"), query))
        found = answers.read(answer, answers.FileStat).output
        return found.size, found.ino or 0

    async def tail(self, path: str, offset: int) -> str:
        """Return what is in a file after so many bytes. Bytes that are not UTF-8 come as U+FFFD."""
        query = (("path", path), ("bytes", str(offset + 1)), ("skipHeading", "true"))
        answer = await self.caller.repeatedly(Question("GET", self._files("tail"), query))
        return answers.read(answer, answers.Tail).output.content or ""

    async def view(self, path: str, offset: int, size: int) -> str:
        """Return `size` characters of a file; see `reading.py` for which."""
        query = (("path", path), ("offset", str(offset)), ("size", str(size)))
        answer = await self.caller.repeatedly(Question("GET", self._files("view"), query))
        return answers.read(answer, answers.View).output or ""

    def _files(self, operation: str) -> str:
        return f"{self.url}/filesystem/{self.system}/ops/{operation}"

    def _jobs(self, job_id: str = "") -> str:
        return f"{self.url}/compute/{self.system}/jobs" + (f"/{quote(job_id, safe='')}" if job_id else "")


def _is_away(said: str) -> bool:
    return any(each in said.lower() for each in _SLURM_IS_AWAY)
