"""git, the proxy as a process of its own, and the provider that it leads to."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from amalthea.testing.waiting import eventually
from lab.base.pki import Authority
from tests.sidecars.gitproxy.forge import Forge
from tests.sidecars.gitproxy.wire import Begin, MakesWire, Serve, Upstream, Wire
from tests.support import sidecars
from tests.support.processes import free_port


@dataclass
class Run:
    """The end of a git command."""

    code: int
    output: str


@dataclass
class ProxyProcess:
    """`sidecars gitproxy proxy`, and git as it is set up in a session."""

    process: subprocess.Popen[bytes]
    port: int
    health_port: int
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def peak_memory(self) -> int:
        """Return the most memory that it has had so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    @property
    def cpu_seconds(self) -> float:
        """Return how much CPU time it has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def git(self, *arguments: str, cwd: Path | None = None, proxied: bool = True) -> Run:
        """Run git as a session does: through the proxy, its certificate unchecked, with nobody there to be asked."""
        settings = {"http.sslVerify": "false", "user.name": "Ada", "user.email": "ada@example.org"}
        if proxied:
            settings["http.proxy"] = f"http://localhost:{self.port}"
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        place = ("-C", str(cwd)) if cwd else ()
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.log_file.parent), "GIT_TERMINAL_PROMPT": "0"}
        process = await asyncio.create_subprocess_exec(
            *sidecars.command("git", *place, *options, *arguments),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return Run(process.returncode or 0, output.decode())

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 10)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def forge(tmp_path: Path, authority: Authority) -> AsyncIterator[Forge]:
    folder = tmp_path / "repositories"
    folder.mkdir()
    made = Forge(folder, authority)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def start(tmp_path: Path, forge: Forge, authority: Authority) -> AsyncIterator[Callable[..., object]]:
    """Start a proxy for the forge's repositories, with other variables, of its own or of its network, if given."""
    started: list[ProxyProcess] = []

    async def begin(outside: Mapping[str, str] | None = None, **changed: str) -> ProxyProcess:
        port, health_port = free_port(), free_port()
        repositories = [{"url": f"{forge.url}/{name}", "provider": "forge"} for name in ("lab/data.git", "open/data")]
        environment = {
            "PORT": str(port),
            "HEALTH_PORT": str(health_port),
            "REPOSITORIES": json.dumps(repositories),
            "PROVIDERS": json.dumps([{"id": "forge", "access_token_url": f"{forge.renku}/token"}]),
            "RENKU_ACCESS_TOKEN": forge.access,
            "RENKU_REFRESH_TOKEN": forge.refresh,
            "RENKU_TOKEN_URL": f"{forge.renku}/renew",
            "ALLOW_HTTP_HOSTS": f"localhost:{forge.renku_port}",
            **changed,
        }
        log_file = tmp_path / f"proxy-{port}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(  # noqa: ASYNC220  (it is started, not waited for)
                sidecars.sidecars("gitproxy", "proxy"),
                env={
                    "PATH": os.environ["PATH"],
                    **(outside or {}),
                    "SSL_CERT_FILE": str(authority.pair.certificate),
                    **{f"GIT_PROXY_{name}": value for name, value in environment.items()},
                },
                stderr=log,
            )
        proxy = ProxyProcess(process, port, health_port, log_file)
        started.append(proxy)
        await eventually(lambda: "the git proxy is ready" in proxy.log, within=20)
        return proxy

    yield begin
    for proxy in started:
        proxy.process.kill()
        proxy.process.wait()


@pytest.fixture
def repository(forge: Forge) -> Path:
    """A bare repository of the forge with one commit, and leave to push to it."""
    return make_repository(forge.folder / "lab" / "data.git", {"README": b"hello\n"})


def make_repository(bare: Path, files: dict[str, bytes]) -> Path:
    """Make a bare repository that holds these files."""
    work = bare.parent / f"{bare.stem}-work"

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "core.compression=0")
        subprocess.run(("git", *identity, "-C", str(work), *arguments), check=True, capture_output=True)

    work.mkdir(parents=True)
    git("init", "--initial-branch=main")
    for name, data in files.items():
        (work / name).write_bytes(data)
    git("add", ".")
    git("commit", "--message=first")
    git("clone", "--bare", str(work), str(bare))
    subprocess.run(("git", "-C", str(bare), "config", "http.receivepack", "true"), check=True)
    return bare


@pytest.fixture
async def begin(authority: Authority) -> AsyncIterator[Begin]:
    """Start a server that does what is given, and the proxy before it."""
    started: list[Wire | Upstream] = []

    async def start(
        serve: Serve, *, tls: bool = True, of: Authority = authority, host: str = "localhost", made: MakesWire = Wire
    ) -> tuple[Wire, Upstream]:
        upstream = Upstream(serve)
        await upstream.start(of.server(f"of-{host}", [host]) if tls else None)
        trust = ssl.create_default_context(cafile=str(authority.pair.certificate))
        trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
        wire = made(trust)
        await wire.start(upstream.port)
        started.extend((wire, upstream))
        return wire, upstream

    yield start
    for each in started:
        each.stop()
