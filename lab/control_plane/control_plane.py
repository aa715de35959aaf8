"""A control plane without nodes: etcd and an API server, and where asked for a controller manager and a scheduler.

Tests start several at once, on free ports of 127.0.0.1; `kwok.py` and the full node build on the same class.
"""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from lab.base import ports
from lab.base.pki import Authority
from lab.base.process import Daemon, Daemons
from lab.base.progress import Progress
from lab.control_plane import flags, kubeconfig, storage
from lab.control_plane.api import Api
from lab.control_plane.flags import Credentials, Ports, Settings
from lab.programs import binaries

START_TIMEOUT = 120.0
API_SERVER_GRACE = 3.0
"""Seconds; after SIGTERM the API server waits for its watches, which their clients never end."""


class KubectlError(Exception):
    """A failed call of kubectl; the text is what it wrote to standard error."""


class ControlPlane:
    """One control plane with everything it writes in the folder `state`; a context manager.

    `start()` on a state folder that was used before keeps its objects and its certificate authority.
    `ports`, `authority`, `credentials` and `api` (a client of the administrator) exist from `start()` on.
    """

    ports: Ports
    authority: Authority
    credentials: Credentials
    api: Api

    def __init__(self, state: Path, settings: Settings | None = None, progress: Progress | None = None) -> None:
        self.state = state
        self.settings = settings or Settings()
        self.daemons = Daemons(state, outlive=self.settings.outlive)
        self.audit_log = state / "audit.log"
        self.kubeconfig = state / "admin.kubeconfig"
        self._progress = progress or Progress()
        self._reserved: list[int] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"https://{self.settings.address}:{self.ports.api_server}"

    def start(self) -> None:
        """Start every program and return when all are ready; raise BuildError or DaemonError.

        Programs that an earlier run left in the same state folder are stopped first.
        """
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.daemons.stop_all(grace=0)
        self.ports = self.settings.ports or self._free_ports()
        self._prepare()
        try:
            self._start_etcd()
            self.start_api_server()
            self._start_clients()
        except BaseException:
            self.stop()
            raise

    def stop(self, grace: float = 0.0) -> None:
        """Stop every program, with SIGTERM first if there are `grace` seconds. Safe to call twice.

        Files stay, but for volumes.
        """
        if "kube-controller-manager" in self.daemons.recorded():
            storage.remove_volumes(self.kubeconfig)
        self.daemons.stop_all(grace)
        ports.release(self._reserved)
        self._reserved = []

    def start_api_server(self) -> None:
        """Start the API server (again, after `stop_api_server`, at the same address) and wait until it is ready."""
        chosen = flags.api_server(self.settings, self.ports, self.credentials)
        if self.settings.audit_user:
            policy = self.state / "audit-policy.json"
            policy.write_text(flags.audit_policy(self.settings.audit_user))
            chosen = flags.audit(policy, self.audit_log) | chosen
        self._run("kube-apiserver", chosen, self.api, "/readyz")

    def stop_api_server(self, grace: float = API_SERVER_GRACE) -> None:
        """Stop the API server only; with `grace=0` as a crash would, without notice to its clients."""
        self.daemons.stop("kube-apiserver", grace)

    def restart_api_server(self, down_for: float = 0.0) -> None:
        """Stop the API server and start it again after `down_for` seconds."""
        self.stop_api_server()
        time.sleep(down_for)
        self.start_api_server()

    def user(self, name: str, groups: Sequence[str] = ()) -> Api:
        """Return a client for a user of any name; what it may do is up to RBAC, as in every cluster."""
        return Api(self.url, self.authority.pair.certificate, self.authority.client(name, groups))

    def user_kubeconfig(self, name: str, groups: Sequence[str] = ()) -> Path:
        """Write a kubeconfig for a user of any name and return its path."""
        path = self.state / f"{quote(name, safe='')}.kubeconfig"
        return kubeconfig.write(path, self.url, self.authority.pair.certificate, self.authority.client(name, groups))

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return its standard output; raise KubectlError."""
        argv = [str(binaries.path("kubectl")), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def _free_ports(self) -> Ports:
        self._reserved = ports.reserve(5)
        return Ports(*self._reserved)

    def _prepare(self) -> None:
        self.authority = Authority(self.state / "pki")
        server = self.authority.server("kube-apiserver", self.settings.api_server_names)
        self.credentials = Credentials(
            authority=self.authority.pair.certificate,
            etcd=self.authority.server("etcd", ["127.0.0.1"]),
            api_server=server,
            kubelet_client=self.authority.client("kube-apiserver-kubelet-client", ["system:masters"]),
            front_proxy=self.authority.client(flags.FRONT_PROXY_USER),
            service_accounts=self.authority.signing_key("service-accounts"),
        )
        self.user_kubeconfig("admin", ["system:masters"])
        self.api = self.user("admin", ["system:masters"])

    def _start_etcd(self) -> None:
        chosen = flags.etcd(self.state / "etcd", self.ports, self.credentials, durable=self.settings.durable)
        client = Api(f"https://127.0.0.1:{self.ports.etcd}", self.credentials.authority, self.credentials.etcd)
        self._run("etcd", chosen, client, "/health")

    def _start_clients(self) -> None:
        settings, chosen = self.settings, (self.settings, self.ports, self.credentials)
        if settings.controller_manager:
            config = self.user_kubeconfig("system:kube-controller-manager")
            own = flags.controller_manager(*chosen, config)
            self._run("kube-controller-manager", own, self._local(self.ports.controller_manager), "/healthz")
        if settings.scheduler:
            config = self.user_kubeconfig("system:kube-scheduler")
            own = flags.scheduler(*chosen, config)
            self._run("kube-scheduler", own, self._local(self.ports.scheduler), "/healthz")

    def _local(self, port: int) -> Api:
        return Api(f"https://127.0.0.1:{port}", self.api.authority, self.api.pair)

    def _run(self, program: str, chosen: flags.Flags, client: Api, path: str) -> None:
        argv = flags.argv(binaries.path(program, self._progress), chosen)
        self.daemons.start(Daemon(program, argv), lambda: client.healthy(path), START_TIMEOUT)
