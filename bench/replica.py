"""One operator of the benchmark, a process: where it runs, how it is started and stopped, what it reports of itself."""

import http.client
import sys
import threading
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.base.process import Daemon, Daemons

OPERATOR_NAMESPACE = "amalthea-system"
STOP_GRACE = 10.0
"""Seconds that the kubelet leaves a pod to end."""
_START_TIMEOUT = 60.0


@dataclass(frozen=True)
class Counters:
    """The operator's own counts since its start."""

    watch_events: int
    """Messages that its watches received."""
    passes: int
    """Looks at a session."""
    progress_writes: int
    """Statuses that were written only to report the progress of a start."""

    def since(self, earlier: "Counters") -> "Counters":
        """Return what was counted between two readings."""
        return Counters(
            watch_events=self.watch_events - earlier.watch_events,
            passes=self.passes - earlier.passes,
            progress_writes=self.progress_writes - earlier.progress_writes,
        )


@dataclass(frozen=True)
class Place:
    """The place of a replica: the address that it listens on, how its command line begins, and its environment."""

    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Replica:
    """An operator that stands for election under a name of its own."""

    def __init__(
        self, daemons: Daemons, kubeconfig: Path, name: str, ports: tuple[int, int], settings: Mapping[str, str]
    ) -> None:
        """Remember how to start it; `settings` go into its environment, `ports` are for metrics and probes."""
        self.name = name
        self.identity = name
        """The name of its pod, by which the Lease knows it."""
        self.place = Place()
        self._daemons = daemons
        self._kubeconfig = kubeconfig
        self._metrics_port, self._probe_port = ports
        self._settings = settings
        self._changing = threading.RLock()

    @property
    def log(self) -> str:
        """Return what all its processes have logged."""
        path = self._daemons.log(self.name)
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int | None:
        """The process that runs, if any."""
        return self._daemons.running().get(self.name)

    def start(self, ready: Callable[[], bool]) -> None:
        """Start it and return when `ready`; raise DaemonError."""
        argv = [
            *self.place.prefix,
            *(sys.executable, "-m", "amalthea.main", "operator", "--leader-elect"),
            f"--kubeconfig={self._kubeconfig}",
            f"--metrics-bind-address={self.place.address}:{self._metrics_port}",
            "--metrics-secure=false",
            f"--health-probe-bind-address={self.place.address}:{self._probe_port}",
        ]
        environment = {"CLUSTER_SCOPED": "true", "RELEASE_NAMESPACE": OPERATOR_NAMESPACE, "POD_NAME": self.identity}
        daemon = Daemon(self.name, argv, environment | dict(self._settings) | dict(self.place.environment))
        self._daemons.start(daemon, ready, _START_TIMEOUT)

    def keep(self) -> None:
        """Start it, if it does not run, and do not wait for it."""
        with self._changing:
            if self.pid is None:
                self.start(lambda: True)

    def stop(self, grace: float = STOP_GRACE) -> None:
        """Stop it; with `grace=0` kill it."""
        with self._changing:
            self._daemons.stop(self.name, grace)

    def replace(self, identity: str) -> None:
        """Kill it as with its whole node: what starts in its place is another pod, which has to wait for the Lease."""
        with self._changing:
            self._daemons.stop(self.name, grace=0)
            self.identity = identity

    def is_ready(self) -> bool:
        """Return whether it has listed everything, and could lead."""
        try:
            self._read(self._probe_port, "/readyz")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def leads(self) -> bool:
        """Return whether it holds the Lease."""
        try:
            return metric(self._read(self._metrics_port, "/metrics"), "amalthea_leading") > 0
        except (OSError, http.client.HTTPException):
            return False

    def counters(self) -> Counters:
        """Return its own counters."""
        exposition = self._read(self._metrics_port, "/metrics")
        return Counters(
            watch_events=int(metric(exposition, "amalthea_watch_events_total")),
            passes=int(metric(exposition, "amalthea_reconciles_total")),
            progress_writes=int(metric(exposition, "amalthea_progress_writes_total")),
        )

    def _read(self, port: int, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.place.address}:{port}{path}", timeout=10) as answer:
            text: bytes = answer.read()
        return text.decode()


def metric(exposition: str, name: str) -> float:
    """Return the sum of a metric over all its labels, 0 if it is not there."""
    lines = (line for line in exposition.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return sum(float(line.rpartition(" ")[2]) for line in lines)
