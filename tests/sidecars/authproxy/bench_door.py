"""The cost of the door within its 16 MiB, and against a proxy in Python: `make bench-authproxy`.

Not a test of every run: what it measures is time, and that depends on what else the machine does. Needs root.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.base.progress import Progress
from lab.base.system import Package, ensure
from tests.sidecars.authproxy.limited import Limited
from tests.support import sidecars
from tests.support.processes import free_port

TOOLS = (Package("nginx-light", "nginx"), Package("wrk", "wrk"), Package("curl", "curl"))
TOKEN = "s3cret"
ROUNDS = 3
SECONDS = 5
MEBIBYTE = 2**20
LIMIT = 16 * MEBIBYTE
TIMES_AIOHTTP = 5.0
"""At least so much more CPU time does a request cost with aiohttp."""
BULK_SHARE = 0.4
"""At least such a part of a direct download's speed is left, where both ends and the door share the machine."""
UPSTREAM = """
daemon off; user root; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile off; keepalive_requests 1000000000; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
"""


@dataclass
class Way:
    """One way to the upstream, and what was measured on it."""

    name: str
    port: int
    group: Limited | None = None
    rates: list[float] = field(default_factory=list)
    p99: list[str] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    cpu_per_request: list[float] = field(default_factory=list)

    def requests(self) -> None:
        """Ask for a few bytes as often as 32 connections can."""
        before = self.group.cpu_seconds if self.group else 0.0
        url = f"http://127.0.0.1:{self.port}/small"
        command = ["wrk", "-t1", "-c32", f"-d{SECONDS}", "--latency", "-H", f"Cookie: renku-auth={TOKEN}", url]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert "Non-2xx" not in told, told
        self.rates.append(float(told.partition("Requests/sec:")[2].split()[0]))
        self.p99.append(told.partition("99%")[2].split()[0])
        count = int(re.search(r"(\d+) requests in", told)[1])  # type: ignore[index]
        if self.group:
            self.cpu_per_request.append((self.group.cpu_seconds - before) / count)

    def bulk(self) -> None:
        """Download 1 GiB."""
        url = f"http://127.0.0.1:{self.port}/large"
        command = ["curl", "-sf", "-o", "/dev/null", "-w", "%{speed_download}", "-b", f"renku-auth={TOKEN}", url]
        self.speeds.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))

    def told(self) -> str:
        """Return a line of the table."""
        cpu = f"CPU {1e6 * min(self.cpu_per_request):.0f} us" if self.cpu_per_request else "-"
        rate = max(self.rates)
        memory = f"{self.group.own / MEBIBYTE:.1f} MiB" if self.group else "-"
        p99, speed = self.p99[self.rates.index(rate)], max(self.speeds) / MEBIBYTE
        return f"{self.name:8} {rate:8.0f}/s  p99 {p99:>8}  {cpu:>10}  {speed:6.0f} MiB/s  {memory:>9}"


@pytest.fixture
def ways(tmp_path: Path) -> Iterator[dict[str, Way]]:
    """Start nginx as a session (without sendfile), the door before it in 16 MiB, and a proxy in Python."""
    ensure(TOOLS, Progress())
    upstream, door, meta, python = (free_port() for _ in range(4))
    (tmp_path / "small").write_text("hello\n")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1024 * MEBIBYTE)
    (tmp_path / "nginx.conf").write_text(UPSTREAM.format(folder=tmp_path, port=upstream))
    (tmp_path / "config").write_text(f"token: {TOKEN}\n")
    with contextlib.ExitStack() as stack:
        found = {
            name: Limited(f"amalthea-{name}-{os.getpid()}", limit)
            for name, limit in (("door", LIMIT), ("aiohttp", 2**30))
        }
        for group in found.values():
            stack.callback(group.remove)
        env = {"PATH": os.environ["PATH"], "AUTHPROXY_PORT": str(door), "AUTHPROXY_META_PORT": str(meta)}
        env["AUTHPROXY_REMOTE"] = f"http://127.0.0.1:{upstream}"
        serve = ("-m", "amalthea.sidecars.main", "proxy", "serve", "--config", str(tmp_path / "config"))
        script = Path(__file__).with_name("aiohttp_proxy.py")
        for process in (
            subprocess.Popen(["nginx", "-c", tmp_path / "nginx.conf"], stderr=subprocess.DEVNULL),
            found["door"].start(*sidecars.python(*serve), env=env),
            found["aiohttp"].start(sys.executable, str(script), str(python), str(upstream), TOKEN, env=env),
        ):
            stack.callback(process.wait)
            stack.callback(process.send_signal, signal.SIGINT)
        made = {"direct": Way("direct", upstream), "door": Way("door", door, found["door"])}
        made["aiohttp"] = Way("aiohttp", python, found["aiohttp"])
        for way in made.values():
            _wait(way.port)
        yield made


def _wait(port: int) -> None:
    url = f"http://127.0.0.1:{port}/small"
    command = ["curl", "-sf", "-o", "/dev/null", "-b", f"renku-auth={TOKEN}", url]
    deadline = time.monotonic() + 20
    while subprocess.run(command, check=False).returncode != 0:
        assert time.monotonic() < deadline, url
        time.sleep(0.05)


@pytest.mark.timeout(600)
def test_the_door_is_several_times_as_fast_as_python_in_a_fraction_of_its_memory(ways: dict[str, Way]) -> None:
    group = ways["door"].group
    assert group is not None
    started = group.own
    for _ in range(ROUNDS):  # by turns, so that all meet the machine as it is
        for way in ways.values():
            way.requests()
            way.bulk()
    lines = [way.told() for way in ways.values()]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    sys.stdout.write(
        f"door: {started / MEBIBYTE:.1f} MiB of its own at start, {group.peak / MEBIBYTE:.1f} MiB at most\n"
    )
    assert group.kills == 0
    assert min(ways["aiohttp"].cpu_per_request) >= TIMES_AIOHTTP * min(ways["door"].cpu_per_request)
    assert max(ways["door"].speeds) >= BULK_SHARE * max(ways["direct"].speeds)
