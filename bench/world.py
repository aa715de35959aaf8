"""The world of the benchmark: a control plane of its own, fake nodes, and the operator as a process under its own user.

All of it lies in one folder and ends with this process, however that ends; what a killed run left is cleared away by
the next one.
"""

import fcntl
import http.client
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from amalthea.api import crd, names
from bench.observer import BenchError
from lab import kwok, metrics_api, ports, state, storage
from lab.control_plane import ControlPlane
from lab.flags import Settings
from lab.process import Daemon, DaemonError
from lab.progress import Progress

OPERATOR = "operator"
USER = "amalthea-operator"
OPERATOR_NAMESPACE = "amalthea-system"
NAMESPACE, ALONE_NAMESPACE, DEADLINES_NAMESPACE, FLOOR_NAMESPACE = "bench", "alone", "deadlines", "floor"
STOP_GRACE = 10.0
_START_TIMEOUT = 60.0
_PATIENT = {"node-monitor-grace-period": "10m"}
"""Fake kubelets do not mend what a control plane that was away itself says of their pods meanwhile."""


@dataclass(frozen=True)
class Counters:
    """What the operator has counted since it was started."""

    watch_events: int
    """Messages that its watches received."""
    passes: int
    """Looks at a session."""
    progress_writes: int
    """Statuses that were written only to tell how far a start is."""

    def since(self, earlier: "Counters") -> "Counters":
        """Return what was counted between two readings."""
        return Counters(
            watch_events=self.watch_events - earlier.watch_events,
            passes=self.passes - earlier.passes,
            progress_writes=self.progress_writes - earlier.progress_writes,
        )


class World:
    """The programs that run, and how to reach them."""

    def __init__(self, control_plane: ControlPlane, operator_ports: list[int], settings: dict[str, str]) -> None:
        """Know the programs; `settings` go into the operator's environment."""
        self.control_plane = control_plane
        self.kubeconfig = control_plane.user_kubeconfig(USER)
        """The operator's; so that its requests can be told from all others."""
        self._metrics_port, self._probe_port = operator_ports
        self._settings = settings

    def start_operator(self) -> None:
        """Start the operator and return when it leads; raise DaemonError."""
        self._start_operator(self._leads)

    def keep_operator(self) -> None:
        """Start the operator, if it does not run, and do not wait for it."""
        if OPERATOR not in self.pids():
            self._start_operator(lambda: True)

    def stop_operator(self, grace: float = STOP_GRACE) -> None:
        """Stop the operator; with `grace=0` kill it."""
        self.control_plane.daemons.stop(OPERATOR, grace)

    def _start_operator(self, ready: Callable[[], bool]) -> None:
        argv = [
            *(sys.executable, "-m", "amalthea.main", "operator", "--leader-elect"),
            f"--kubeconfig={self.kubeconfig}",
            f"--metrics-bind-address=127.0.0.1:{self._metrics_port}",
            f"--health-probe-bind-address=127.0.0.1:{self._probe_port}",
        ]
        environment = {"CLUSTER_SCOPED": "true", "RELEASE_NAMESPACE": OPERATOR_NAMESPACE, "POD_NAME": OPERATOR}
        daemon = Daemon(OPERATOR, argv, environment | self._settings)
        self.control_plane.daemons.start(daemon, ready, _START_TIMEOUT)

    def pids(self) -> dict[str, int]:
        """Return the process ids of all programs that run."""
        return self.control_plane.daemons.running()

    def counters(self) -> Counters:
        """Return what the operator tells of itself."""
        exposition = self._metrics()
        return Counters(
            watch_events=int(metric(exposition, "amalthea_watch_events_total")),
            passes=int(metric(exposition, "amalthea_reconciles_total")),
            progress_writes=int(metric(exposition, "amalthea_progress_writes_total")),
        )

    def _leads(self) -> bool:
        try:
            return metric(self._metrics(), "amalthea_leading") > 0
        except (OSError, http.client.HTTPException):
            return False

    def _metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=10) as answer:
            text: bytes = answer.read()
        return text.decode()


def metric(exposition: str, name: str) -> float:
    """Return the sum of a metric over all its labels, 0 if it is not there."""
    lines = (line for line in exposition.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return sum(float(line.rpartition(" ")[2]) for line in lines)


@contextmanager
def world(sessions: int, progress: Progress, **settings: str) -> Iterator[World]:
    """Start everything that so many sessions need but the operator; stop and remove it in the end.

    The operator will have the settings in its environment.
    """
    with _own_folder() as folder, _ports(2) as operator_ports:
        cluster = folder / "cluster"
        _clear(cluster, progress)
        chosen = replace(kwok.settings(audit_user=USER), controller_manager_flags=_PATIENT)
        with ControlPlane(cluster, chosen, progress) as control_plane:
            with progress.step("Preparing the cluster"):
                _prepare(control_plane)
                # Room for the sessions that start while others still stop.
                kwok.FakeNodes(control_plane, 2 + sessions * 2 // kwok.PODS_PER_NODE, progress).start()
            yield World(control_plane, operator_ports, settings)


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Keep a second benchmark of this machine out: neither would measure anything."""
    folder = state.root() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BenchError("another benchmark runs on this machine") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
        with suppress(OSError):
            state.root().rmdir()


@contextmanager
def _ports(count: int) -> Iterator[list[int]]:
    reserved = ports.reserve(count)
    try:
        yield reserved
    finally:
        ports.release(reserved)


def _clear(folder: Path, progress: Progress) -> None:
    """Remove what a killed run left: its files and, by its own list of them, its volumes."""
    if (folder / "etcd").exists():
        with (
            progress.step("Clearing away what a killed run left"),
            suppress(DaemonError),
            ControlPlane(folder, Settings(), progress) as former,
        ):
            storage.remove_volumes(former.kubeconfig)
    shutil.rmtree(folder, ignore_errors=True)


def _prepare(control_plane: ControlPlane) -> None:
    api = control_plane.api
    storage.add_storage_class(api)
    api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd.manifest())
    metrics_api.install(api)
    for name in (OPERATOR_NAMESPACE, NAMESPACE, ALONE_NAMESPACE, DEADLINES_NAMESPACE, FLOOR_NAMESPACE):
        api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    # By RBAC, as a real operator is: members of system:masters are let through without a look at the rules.
    binding = {
        "metadata": {"name": USER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    }
    api.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    deadline = time.monotonic() + _START_TIMEOUT
    while not api.healthy(f"/apis/{names.API_VERSION}/namespaces/{NAMESPACE}/{names.PLURAL}"):
        if time.monotonic() > deadline:
            raise BenchError("the API server does not serve sessions")
        time.sleep(0.1)
