"""The operator as a process of its own, as it runs in its pod, so that tests can kill it at any moment."""

import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from lab.base import ports

START_SECONDS = 60.0


# Below the kernel's range for outgoing connections: a client that tries a port of that range before its server listens
# may be given the same port for its own end, and then talks to itself. The lab's own ports begin at 20000, and recorded
# clients ask for 18888.
_CANDIDATES = itertools.cycle(random.SystemRandom().sample(range(12000, 18888), 6888))


def free_port() -> int:
    """Return a port that nobody listens on, another one at each call."""
    return next(port for port in _CANDIDATES if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


class OperatorProcess:
    """`amalthea operator` for one namespace. Ends with the test, whatever happens."""

    def __init__(self, kubeconfig: Path, folder: Path, namespace: str, **environment: str) -> None:
        self._kubeconfig = kubeconfig
        self._log = folder / f"operator-{time.monotonic_ns()}.log"
        self._environment = {"RELEASE_NAMESPACE": namespace, "POD_NAME": "operator-under-test", **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self.probe_port = 0
        self.metrics_port = 0

    def start(self, *flags: str) -> "OperatorProcess":
        """Start it, and wait until its caches are filled."""
        self.probe_port, self.metrics_port = ports.reserve(2)
        arguments = [
            f"--kubeconfig={self._kubeconfig}",
            f"--health-probe-bind-address=127.0.0.1:{self.probe_port}",
            f"--metrics-bind-address=127.0.0.1:{self.metrics_port}",
            "--metrics-secure=false",
            "--leader-elect",
            *flags,
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "amalthea.main", "operator", *arguments],
                env={**os.environ, **self._environment},
                stderr=log,
            )
        self._wait_until_ready()
        return self

    def kill(self) -> None:
        """End it at once, as a node that loses its power does."""
        self._end(signal.SIGKILL)

    def kill_after_writes(self, count: int, within: float = 10.0) -> None:
        """End it at once when it has made so many writes, wherever it is."""
        deadline = time.monotonic() + within
        while self._writes() < count and time.monotonic() < deadline:
            pass
        self.kill()

    def terminate(self) -> int:
        """End it as the kubelet does; return its exit code."""
        return self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Freeze it: it holds its Lease and its connections, and does nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    @property
    def log(self) -> str:
        """Its log."""
        return self._log.read_text()

    def metrics(self) -> str:
        """The metrics that Prometheus would read."""
        return self._read(self.metrics_port, "/metrics")

    def _writes(self) -> int:
        rows = re.findall(
            r'^amalthea_api_requests_total\{.*verb="(?:create|patch|delete)"\} (\S+)', self.metrics(), re.MULTILINE
        )
        return int(sum(map(float, rows)))

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(timeout=15)
        self._process = None
        ports.release([self.probe_port, self.metrics_port])
        return code

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(f"the operator ended at its start:\n{self.log}")
            try:
                self._read(self.probe_port, "/readyz")
            except OSError:
                time.sleep(0.05)
                continue
            return
        raise AssertionError(f"the operator was not ready in {START_SECONDS} s:\n{self.log}")

    @staticmethod
    def _read(port: int, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
