"""Remote sessions on real pods, with a computing site on this machine: a real Slurm behind a FirecREST of our own."""

import contextlib
import http.client
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from amalthea.testing.remote.cluster import SlurmJob
from amalthea.testing.remote.slurm import SlurmScheduler
from lab.base import state
from lab.base.progress import Progress
from lab.cluster.admin import Admin
from lab.slurm.site import Site
from tests.e2e.specs import Spec, container, environment
from tests.support.processes import free_port
from tests.support.world import Object, World

AUTHORITY = "/etc/computing-site"
STARTS = 120.0
"""Seconds until the page is there; an idle machine needs a few."""
BACK = 60.0
"""Seconds in which a session that lost a part of its pod answers again."""
_HOST = "localhost"
_WITHIN = 30.0


@contextlib.contextmanager
def site_of(cluster: Admin) -> Iterator[Site]:
    """Run a site for some tests."""
    if cluster.profile != "full":
        pytest.skip("a kind cluster has no entry over TLS, through which the job of a remote session dials in")
    with TemporaryDirectory(prefix="site-") as folder:
        Path(folder).chmod(0o755)  # Slurm's daemons have a user of their own
        site = Site(Path(folder) / "s", free_port())
        try:
            site.up(Progress())
            yield site
        finally:
            site.down()


@dataclass(frozen=True)
class Remote:
    """One remote session."""

    cluster: Admin
    world: World
    site: Site
    name: str
    key: str = ""
    """What opens its door, where it has one."""

    @property
    def path(self) -> str:
        """Return the session's path, below the host of all sessions."""
        return f"/sessions/{self.name}/"

    def secrets(self) -> None:
        """Create the secrets that the session refers to."""
        variables = self.site.variables() | {"SSL_CERT_FILE": f"{AUTHORITY}/ca.crt"}
        self.world.secret(f"{self.name}-site", **variables)
        self.world.secret(f"{self.name}-ca", **{"ca.crt": self.cluster.authority})

    def forget(self) -> None:
        """Delete them."""
        for kind in ("site", "ca"):
            self.world.delete("Secret", f"{self.name}-{kind}")

    def spec(self, *command: str) -> Spec:
        """Return the session, whose program is a command on the plain host."""
        env = environment(
            RSC_FIRECREST_RUNTIME="host",
            RENKU_BASE_URL=f"https://{_HOST}:{self.cluster.https_port}",
            RENKU_BASE_URL_PATH=self.path.rstrip("/"),
            RENKU_PROJECT_PATH="e2e",
            RENKU_MOUNT_DIR="/work",
            RENKU_WORKING_DIR="/work",
        )
        return {
            "location": "remote",
            "session": container(
                command=list(command),
                urlPath=self.path,
                env=env,
                readinessProbe={"type": "http"},
                remoteSecretRef={"name": f"{self.name}-site"},
                extraVolumeMounts=[{"name": "site-ca", "mountPath": AUTHORITY, "readOnly": True}],
            ),
            "extraVolumes": [{"name": "site-ca", "secret": {"secretName": f"{self.name}-ca"}}],
            "ingress": {"host": _HOST, "pathPrefix": self.path.rstrip("/")},
        }

    def start(self, *command: str, **more: object) -> None:
        """Create the session, and return once its pod can be dialled in to: before that, who asks is asked for nothing.

        A request to a Service that the node does not know yet may go anywhere.
        """
        self.world.session(self.name, {**self.spec(*command), **more})
        self.world.wait_for("Pod", f"{self.name}-0", _can_be_reached, STARTS)

    @property
    def url(self) -> str:
        """Return the session's address at the entry over TLS."""
        return f"https://{_HOST}:{self.cluster.https_port}{self.path}"

    def page(self) -> str:
        """Return the session's page, asked for at the entry over TLS; empty if there is none."""
        trust = ssl.create_default_context(cadata=self.cluster.authority)
        connection = http.client.HTTPSConnection(_HOST, self.cluster.https_port, timeout=5, context=trust)
        try:
            connection.request("GET", self.path, headers={"Authorization": f"Bearer {self.key}"} if self.key else {})
            answer = connection.getresponse()
            return answer.read().decode() if answer.status == http.HTTPStatus.OK else ""
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    def wait_for_page(self, said: str, within: float = BACK) -> None:
        """Return once the page says something."""
        self.wait(lambda: said in self.page(), within, "no page")

    def wait(self, wanted: Callable[[], object], within: float = _WITHIN, lacks: str = "not so") -> None:
        """Return once something is so."""
        deadline = time.monotonic() + within
        while not wanted():
            assert time.monotonic() < deadline, f"{lacks} after {within:g} s: {self.jobs()}\n{self._explained()}"
            time.sleep(0.2)

    def jobs(self) -> list[SlurmJob]:
        """Return the session's jobs, those included that have ended."""
        known = SlurmScheduler(self.site.slurm.environment).jobs()
        return [job for job in known if job.folder.endswith(f"/{self.name}")]

    def alive(self) -> list[str]:
        """Return the numbers of the session's jobs that have not ended."""
        return [job.id for job in self.jobs() if not job.ended]

    def job(self) -> str:
        """Return the number of the session's only job that has not ended; accounting learns of it in some seconds."""
        self.wait(lambda: len(self.alive()) == 1, lacks="there is not one job")
        return self.alive()[0]

    def processes(self) -> list[int]:
        """Return what works in the session's folder on the site."""
        return [pid for pid in pids() if self._folder in _link(pid, "cwd")]

    def kill(self, program: str) -> None:
        """Kill a program of the session's pod, without any warning: `tunnel listen` is one."""
        [pid] = [each for each in pids() if self._runs(each, program)]
        os.kill(pid, signal.SIGKILL)

    def _runs(self, pid: int, program: str) -> bool:
        words = _read(pid, "cmdline").replace("\0", " ")
        pod = self.world.get("Pod", f"{self.name}-0") or {}
        return f"sidecars {program}" in words and pod["metadata"]["uid"] in _read(pid, "cgroup")

    @property
    def _folder(self) -> str:
        return f"{self.site.scratch}/"

    def _explained(self) -> str:
        logs = [f"--- {path}\n{path.read_text()[-2000:]}" for path in self.site.scratch.rglob("*.out")]
        logs += [f"--- {path}\n{path.read_text()[-2000:]}" for path in self.site.scratch.rglob("*.logs")]
        place = (f"--namespace={self.world.namespace}", f"{self.name}-0", "--all-containers", "--tail=30")
        with contextlib.suppress(Exception):
            logs.append(self.cluster.kubectl("logs", *place))
        return "\n".join(logs)


def _can_be_reached(pod: Object) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return any(each["name"] == "tunnel" and each["ready"] for each in statuses)


def restart_the_ingress() -> None:
    """Kill the lab's ingress controller and start it again, as a child of another process than this one."""
    code = (
        "import sys; from pathlib import Path; from lab.base.process import Daemon, Daemons\n"
        "daemons = Daemons(Path(sys.argv[1]), outlive=True); pid = daemons.running()['traefik']\n"
        "argv = Path(f'/proc/{pid}/cmdline').read_text().split('\\0')[:-1]\n"
        "env = dict(line.split('=', 1) for line in Path(f'/proc/{pid}/environ').read_text().split('\\0') if line)\n"
        "daemons.start(Daemon('traefik', argv, env), lambda: True)"
    )
    subprocess.run((sys.executable, "-c", code, str(state.folder("full"))), check=True, timeout=60)


def pids() -> list[int]:
    """Return all processes of this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, file: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    return ""


def _link(pid: int, name: str) -> str:
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/{name}").readlink())
    return ""
