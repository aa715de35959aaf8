"""The full profile: a Kubernetes node with real containers on this machine, its control plane and its add-ons.

`up` always begins by clearing away what is there but does not work, so it makes no difference how the last one ended.
The configuration of each program is in `containerd.py`, `kubelet.py` and `addons.py`; here is the order of things.
"""

import calendar
import http.client
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lab.base import system
from lab.base.process import Daemon, DaemonError
from lab.base.progress import Progress
from lab.control_plane.api import Api, ApiError
from lab.control_plane.control_plane import ControlPlane, KubectlError
from lab.control_plane.flags import Settings, argv
from lab.images import images
from lab.node import addons, containerd, host_network, kubelet, leftovers, preflight
from lab.node.layout import (
    CONTROL_PLANE_PORTS,
    KUBELET_HEALTH_PORT,
    METRICS_SERVER_PORT,
    NODE,
    NODE_ADDRESS,
    PROXY_HEALTH_PORT,
    SERVICE_RANGE,
    TRAEFIK_PING_PORT,
    Layout,
    http_port,
    https_port,
)
from lab.programs import binaries

READY_TIMEOUT = 120.0
POLL_INTERVAL = 0.1
PROGRAMS = ("etcd", "kube-apiserver", "metrics-server", "traefik")
"""One program of each artefact that the node needs."""

SETTINGS = Settings(
    controller_manager=True,
    scheduler=True,
    scale=True,
    outlive=True,
    address=NODE_ADDRESS,
    service_range=SERVICE_RANGE,
    ports=CONTROL_PLANE_PORTS,
)

Ready = Callable[[], bool]


def up(progress: Progress) -> None:
    """Return when the node is Ready and its add-ons answer; a node that already works is left as it is.

    Objects, volumes and images of a node that crashed are kept. Raise BuildError, DaemonError or MachineError.
    """
    system.require_root("The lab's node")
    layout = Layout()
    if _works(layout):
        progress.say("full is already up")
        return
    system.ensure(system.NODE_PACKAGES, progress)
    for program in PROGRAMS:
        binaries.path(program, progress)
    pause = images.archive("pause", progress)
    _stop(layout)
    preflight.require_no_other_node()
    preflight.require_free_ports()
    _Node(layout, progress).start(pause)


def down(progress: Progress) -> None:
    """Stop everything, remove it, and leave the machine as it was before `up`; also after a crash."""
    layout = Layout()
    if not layout.state.exists():
        return
    system.require_root("The lab's node")
    with progress.step("Stopping the node"):
        _stop(layout)
        shutil.rmtree(layout.state)


def status() -> list[str]:
    """Return lines about the node as a whole; its programs are listed by `lab.cluster.profiles`."""
    layout = Layout()
    if not _works(layout):
        return ["The node does not work. `python -m lab up` mends it; its objects and volumes are kept."]
    port = (layout.state / "http-port").read_text()
    suffix = "" if port == "80" else f":{port}"
    secure = f"https://localhost:{(layout.state / 'https-port').read_text()}/"
    return [
        f"The node is Ready; sessions are opened at http://NAME.localhost{suffix}/, those of localhost at {secure} too"
    ]


def _stop(layout: Layout) -> None:
    """End every program and container of the node, and undo its changes to the machine; its files stay."""
    _mark(layout).unlink(missing_ok=True)
    ControlPlane(layout.state, SETTINGS).daemons.stop_all(grace=0)
    leftovers.clear(layout)
    host_network.restore(_saved_settings(layout))


def _works(layout: Layout) -> bool:
    """Return whether the last `up` came to its end, all its programs still run, and the node is Ready."""
    control_plane = ControlPlane(layout.state, SETTINGS)
    daemons = control_plane.daemons
    if not _mark(layout).exists() or len(daemons.running()) != len(daemons.recorded()):
        return False
    ready = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    try:
        return control_plane.kubectl("get", "node", NODE, "--output", ready, "--request-timeout=5s") == "True"
    except KubectlError:
        return False


class _Node:
    """One start of the node, step by step."""

    def __init__(self, layout: Layout, progress: Progress) -> None:
        self._layout = layout
        self._progress = progress
        self._control_plane = ControlPlane(layout.state, SETTINGS, progress)
        self._started = time.time()

    @property
    def _authority(self) -> Path:
        return self._control_plane.authority.pair.certificate

    def start(self, pause: Path) -> None:
        layout = self._layout
        for folder in (layout.state, layout.configuration, layout.volumes, layout.run):
            folder.mkdir(parents=True, exist_ok=True)
        layout.state.chmod(0o700)
        (layout.state / "http-port").write_text(str(http_port()))
        (layout.state / "https-port").write_text(str(https_port()))
        host_network.prepare(_saved_settings(layout))
        with self._progress.step("Starting the control plane"):
            self._control_plane.start()
        with self._progress.step("Starting the node"):
            self._start_containerd(pause)
            self._control_plane.kubectl("apply", "--server-side", "--filename=-", stdin=self._objects())
            self._start_together([self._kubelet(), self._proxy(), self._traefik(), self._metrics(), self._storage()])
        with self._progress.step("Waiting for the node to be Ready"):
            _wait("the node to be Ready", self._is_ready)
        _mark(layout).touch()

    def _start_containerd(self, pause: Path) -> None:
        layout = self._layout
        reference = images.IMAGES["pause"].reference
        daemon = containerd.daemon(layout, reference)
        self._control_plane.daemons.start(daemon, lambda: containerd.answers(layout))
        containerd.load(layout, reference, pause)

    def _start_together(self, programs: list[tuple[Daemon, Ready]]) -> None:
        start = self._control_plane.daemons.start
        with ThreadPoolExecutor(len(programs)) as executor:
            for started in [executor.submit(start, daemon, ready) for daemon, ready in programs]:
                started.result()

    def _objects(self) -> str:
        metrics = addons.metrics_objects(self._authority)
        return addons.as_list([*addons.storage_classes(), addons.ingress_class(), *addons.node_reads(), *metrics])

    def _kubelet(self) -> tuple[Daemon, Ready]:
        user = self._control_plane.user_kubeconfig(f"system:node:{NODE}", ["system:nodes"])
        pair = self._control_plane.authority.server("kubelet", [NODE, NODE_ADDRESS])
        config = kubelet.write_configuration(self._layout, self._authority, pair)
        flags = kubelet.kubelet_flags(self._layout, config, user)
        return Daemon("kubelet", argv(binaries.path("kubelet"), flags)), _answers(KUBELET_HEALTH_PORT, "/healthz")

    def _proxy(self) -> tuple[Daemon, Ready]:
        user = self._control_plane.user_kubeconfig("system:kube-proxy")
        program = argv(binaries.path("kube-proxy"), kubelet.proxy_flags(user))
        return Daemon("kube-proxy", program), _answers(PROXY_HEALTH_PORT, "/livez")

    def _traefik(self) -> tuple[Daemon, Ready]:
        user = self._control_plane.user_kubeconfig("traefik", ["system:masters"])
        secure = addons.entry_over_tls(https_port(), addons.certificate(self._layout))
        daemon = addons.traefik(binaries.path("traefik"), user, http_port(), more=secure)
        return daemon, _answers(TRAEFIK_PING_PORT, "/ping")

    def _metrics(self) -> tuple[Daemon, Ready]:
        user = self._control_plane.user_kubeconfig(addons.METRICS_SERVER, ["system:masters"])
        pair = self._control_plane.authority.server(addons.METRICS_SERVER, [addons.METRICS_SERVER_NAME, NODE_ADDRESS])
        daemon = addons.metrics_server(binaries.path("metrics-server"), user, pair, self._authority)
        server = Api(f"https://{NODE_ADDRESS}:{METRICS_SERVER_PORT}", self._authority, self._control_plane.api.pair)
        return daemon, lambda: server.healthy("/livez")

    def _storage(self) -> tuple[Daemon, Ready]:
        pair = self._control_plane.authority.client("provisioner", ["system:masters"])
        daemon = addons.provisioner(self._control_plane.url, self._authority, pair, self._layout.volumes)
        return daemon, lambda: True

    def _is_ready(self) -> bool:
        api = self._control_plane.api
        try:
            node = api.get(f"/api/v1/nodes/{NODE}")
            metrics = api.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{addons.METRICS_API}")
            api.get("/api/v1/namespaces/default/serviceaccounts/default")
        except ApiError:
            return False
        return is_ready(node, since=self._started) and "taints" not in node["spec"] and is_available(metrics)


def is_ready(node: dict[str, Any], since: float) -> bool:
    """Return whether the kubelet has reported the node Ready after the time `since`, in seconds since 1970."""
    for condition in node["status"].get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "True":
            reported = time.strptime(condition["lastHeartbeatTime"], "%Y-%m-%dT%H:%M:%SZ")
            return calendar.timegm(reported) >= int(since)
    return False


def is_available(api_service: dict[str, Any]) -> bool:
    """Return whether the API server reaches the server behind an APIService."""
    conditions = api_service.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Available" and condition["status"] == "True" for condition in conditions)


def _answers(port: int, path: str) -> Ready:
    def answers() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return answers


def _wait(what: str, done: Ready) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while not done():
        if time.monotonic() > deadline:
            raise DaemonError(f"Waited {READY_TIMEOUT:.0f} s in vain for {what}. `python -m lab logs` lists the logs.")
        time.sleep(POLL_INTERVAL)


def _mark(layout: Layout) -> Path:
    return layout.state / "complete"


def _saved_settings(layout: Layout) -> Path:
    return layout.state / "saved-settings.json"
