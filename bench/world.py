"""The environment of the benchmark: a control plane of its own, fake nodes, and the operator's process and user.

All of it lies in one folder and ends with this process, however that ends; what a killed run left is cleared away by
the next one.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from amalthea.api import crd, names
from bench import network
from bench.network import Segment
from bench.observer import BenchError
from bench.replica import OPERATOR_NAMESPACE, Replica
from lab.base import ports, state
from lab.base.process import DaemonError
from lab.base.progress import Progress
from lab.control_plane import kwok, metrics_api, storage
from lab.control_plane.api import ApiError
from lab.control_plane.control_plane import ControlPlane
from lab.control_plane.flags import Settings

OPERATOR = "operator"
USER = "amalthea-operator"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{OPERATOR_NAMESPACE}/leases/{names.LEASE}"
NAMESPACE, ALONE_NAMESPACE, DEADLINES_NAMESPACE, FLOOR_NAMESPACE = "bench", "alone", "deadlines", "floor"
_SERVED_WITHIN = 60.0
_PATIENT = {"node-monitor-grace-period": "10m"}
"""Fake kubelets do not mend what a control plane that was away itself says of their pods meanwhile."""


class World:
    """The programs that run, and how to reach them."""

    def __init__(
        self, control_plane: ControlPlane, operator_ports: list[int], settings: dict[str, str], segments: list[Segment]
    ) -> None:
        """Set up the programs: an operator for each two ports, in a network of its own where there are such.

        `settings` go into the operators' environment.
        """
        self.control_plane = control_plane
        self.segments = segments
        """The networks of the replicas, in the same order; none if they share the machine's."""
        self.kubeconfig = control_plane.user_kubeconfig(USER)
        """The operators'; so that their requests can be distinguished from all others."""
        ports = zip(operator_ports[::2], operator_ports[1::2], strict=True)
        self.replicas = [
            Replica(
                control_plane.daemons, self.kubeconfig, f"{OPERATOR}-{number}" if number else OPERATOR, pair, settings
            )
            for number, pair in enumerate(ports)
        ]
        for replica, segment in zip(self.replicas, segments, strict=False):
            replica.place = segment.place

    @property
    def operator(self) -> Replica:
        """The only operator, where there is one."""
        return self.replicas[0]

    def start_operator(self) -> None:
        """Start the one operator and return when it leads; raise DaemonError."""
        self.operator.start(self.operator.leads)

    def keep_operators(self) -> None:
        """Start the operators that do not run, and do not wait for them."""
        for replica in self.replicas:
            replica.keep()

    def leader(self) -> Replica | None:
        """Return the replica whose Lease it is, if it runs; raise ApiError, OSError or HTTPException."""
        try:
            holder = self.control_plane.api.get(LEASE)["spec"].get("holderIdentity")
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return next((each for each in self.replicas if each.identity == holder and each.pid is not None), None)

    def keep_logs(self, folder: Path) -> None:
        """Copy the logs of all programs, and the audit log, to a folder; what a former run left there goes."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for log in (self.control_plane.audit_log, *self.control_plane.daemons.logs.glob("*.log")):
            shutil.copy(log, folder)

    def pids(self) -> dict[str, int]:
        """Return the process ids of all programs that run."""
        return self.control_plane.daemons.running()


@contextmanager
def world(
    sessions: int, progress: Progress, replicas: int = 1, *, apart: bool = False, **settings: str
) -> Iterator[World]:
    """Start everything that so many sessions need but the operators; stop and remove it in the end.

    The operators will have the settings in their environment and, if they are to be `apart` and the machine allows it,
    each a network of its own.
    """
    with _own_folder() as folder, _ports(2 * replicas) as operator_ports:
        cluster = folder / "cluster"
        _clear(cluster, progress)
        with (
            _networks(replicas if apart else 0, progress) as segments,
            _control_plane(cluster, segments, progress) as it,
        ):
            with progress.step("Preparing the cluster"):
                _prepare(it)
                # Room for the sessions that start while others still stop.
                kwok.FakeNodes(it, 2 + sessions * 2 // kwok.PODS_PER_NODE, progress).start()
            yield World(it, operator_ports, settings, segments)


def _networks(count: int, progress: Progress) -> AbstractContextManager[list[Segment]]:
    return network.separate(count, progress) if count else nullcontext([])


def _control_plane(folder: Path, segments: list[Segment], progress: Progress) -> ControlPlane:
    settings = replace(kwok.settings(audit_user=USER), controller_manager_flags=_PATIENT)
    return ControlPlane(folder, replace(settings, address=network.ADDRESS) if segments else settings, progress)


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
    deadline = time.monotonic() + _SERVED_WITHIN
    while not api.healthy(f"/apis/{names.API_VERSION}/namespaces/{NAMESPACE}/{names.PLURAL}"):
        if time.monotonic() > deadline:
            raise BenchError("the API server does not serve sessions")
        time.sleep(0.1)
