"""The API server takes our CRD, teaches with it, and stores, defaults and refuses sessions as under the contract's."""

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import msgspec
import pytest
import yaml

from amalthea.api import durations, quantities
from amalthea.api.names import API_VERSION, GROUP, PLURAL, VERSION
from amalthea.api.schema import Manifest
from amalthea.api.types import Spec, Status
from lab.control_plane.api import ApiError
from lab.control_plane.control_plane import ControlPlane, KubectlError

DATA = Path(__file__).parents[1] / "data"
SESSIONS = sorted((DATA / "recorded").glob("*/session.yaml"))
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TWIN_GROUP = "contract.example.org"
"""The contract's CRD stands beside ours under this group, so that both default the same session."""


def load(path: Path) -> Manifest:
    loaded: Manifest = yaml.safe_load(path.read_text())
    return loaded


def collection(namespace: str, group: str = GROUP) -> str:
    return f"/apis/{group}/{VERSION}/namespaces/{namespace}/{PLURAL}"


@pytest.fixture(scope="module")
def twin_installed(control_plane: ControlPlane, install_crd: Callable[[str], None]) -> Iterator[None]:
    twin = load(DATA / "amaltheasessions.crd.yaml")
    twin["metadata"]["name"] = f"{PLURAL}.{TWIN_GROUP}"
    twin["spec"]["group"] = TWIN_GROUP
    del twin["spec"]["names"]["shortNames"]
    install_crd(yaml.safe_dump(twin))
    yield
    control_plane.api.delete(f"{CRDS}/{PLURAL}.{TWIN_GROUP}")


@pytest.mark.usefixtures("crd_installed", "twin_installed")
@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.parent.name)
def test_a_clients_session_is_defaulted_as_under_the_contracts_crd(
    path: Path, control_plane: ControlPlane, namespace: str
) -> None:
    session = load(path)
    name = session["metadata"]["name"]
    stored = []
    for group in (GROUP, TWIN_GROUP):
        control_plane.api.post(collection(namespace, group), session | {"apiVersion": f"{group}/{VERSION}"})
        read = control_plane.api.get(f"{collection(namespace, group)}/{name}")
        stored.append((read["spec"], read["status"]))
    ours, contracts = stored
    assert ours == contracts
    assert ours[0] != session["spec"], "nothing was defaulted"
    assert ours[1] == {"state": "NotReady", "idle": False}


@pytest.mark.usefixtures("crd_installed")
@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.parent.name)
def test_the_types_read_what_the_api_server_stored(path: Path, control_plane: ControlPlane, namespace: str) -> None:
    session = load(path)
    stored = control_plane.api.post(collection(namespace), session)
    assert msgspec.convert(stored["spec"], Spec) == msgspec.convert(session["spec"], Spec)
    assert msgspec.convert(stored["status"], Status) == Status()


MINIMAL = {"hibernated": False, "session": {"image": "example.org/lab:1"}}


def session_with(name: str, change: Manifest) -> Manifest:
    """Return a small session, changed as a JSON merge patch would."""
    spec = deepcopy(MINIMAL)
    merge(spec, change)
    return {
        "apiVersion": API_VERSION,
        "kind": "AmaltheaSession",
        "metadata": {"name": name},
        "spec": spec,
    }


def merge(into: Manifest, change: Manifest) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


@pytest.mark.usefixtures("crd_installed")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"session": {"port": 65530}}, "spec.session.port"),
        ({"session": {"port": 0}}, "spec.session.port"),
        ({"session": {"runAsUser": -1}}, "spec.session.runAsUser"),
        ({"session": {"image": 1}}, "spec.session.image"),
        ({"session": {"shmSize": "1GB"}}, "spec.session.shmSize"),
        ({"session": {"imagePullPolicy": "Sometimes"}}, "spec.session.imagePullPolicy"),
        ({"session": {"readinessProbe": {"type": "udp"}}}, "spec.session.readinessProbe.type"),
        ({"session": {"env": [{"value": "1"}]}}, "spec.session.env[0].name"),
        ({"location": "moon"}, "spec.location"),
        ({"sessionType": "Batch"}, "spec.sessionType"),
        ({"reconcileStrategy": "sometimes"}, "spec.reconcileStrategy"),
        ({"ingress": {"pathPrefix": "/a"}}, "spec.ingress.host"),
        ({"authentication": {"type": "token"}}, "spec.authentication.secretRef"),
        ({"authentication": {"type": "basic", "secretRef": {"name": "a"}}}, "spec.authentication.type"),
        ({"codeRepositories": [{"type": "git"}]}, "spec.codeRepositories[0].remote"),
        ({"codeRepositories": [{"remote": "a", "configSecretRef": {"name": "a"}}]}, "configSecretRef.key"),
        ({"dataSources": [{"type": "s3"}]}, "spec.dataSources[0].type"),
        ({"culling": {"maxAge": "soon"}}, "spec.culling.maxAge"),
        ({"culling": {"lastInteraction": "yesterday"}}, "spec.culling.lastInteraction"),
        ({"extraContainers": [{"image": "a"}]}, "spec.extraContainers[0].name"),
    ],
)
def test_a_wrong_session_is_refused_and_the_field_is_named(
    change: Manifest, field: str, control_plane: ControlPlane, namespace: str
) -> None:
    with pytest.raises(ApiError) as refusal:
        control_plane.api.post(collection(namespace), session_with("wrong", change))
    assert refusal.value.status == 422
    assert field in str(refusal.value)


@pytest.mark.usefixtures("crd_installed")
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({"ingress": {"host": "a.example.org"}}, {"ingress": {"host": "b.example.org"}}, "Host is immutable"),
        ({"location": "local"}, {"location": "remote"}, "location is immutable"),
        ({}, {"location": "remote"}, "location is immutable"),
        ({}, {"sessionType": "NonInteractive"}, "sesion type is immutable"),
        (
            {"codeRepositories": [{"remote": "https://example.org/a"}]},
            {"codeRepositories": [{"remote": "https://example.org/b"}]},
            "CodeRepositories is immutable",
        ),
    ],
)
def test_what_cannot_change_is_refused_and_stays(
    before: Manifest, after: Manifest, message: str, control_plane: ControlPlane, namespace: str
) -> None:
    created = control_plane.api.post(collection(namespace), session_with("fixed", before))
    path = f"{collection(namespace)}/fixed"
    with pytest.raises(ApiError, match=message) as refusal:
        control_plane.api.patch(path, {"spec": after})
    assert refusal.value.status == 422
    assert control_plane.api.get(path)["spec"] == created["spec"]


@pytest.mark.usefixtures("crd_installed")
def test_what_the_api_server_lets_through_is_caught_by_our_readers(control_plane: ControlPlane, namespace: str) -> None:
    change = {"culling": {"maxAge": "2 days"}, "session": {"shmSize": "1e1.5"}}
    stored = control_plane.api.post(collection(namespace), session_with("odd", change))
    spec = msgspec.convert(stored["spec"], Spec)
    assert spec.culling is not None
    assert spec.culling.max_age is not None
    assert spec.session.shm_size is not None
    with pytest.raises(ValueError, match="'2 days' is not a duration"):
        durations.parse(spec.culling.max_age)
    with pytest.raises(ValueError, match=r"'1e1\.5' is not a quantity"):
        quantities.parse(spec.session.shm_size)


@pytest.mark.usefixtures("crd_installed")
def test_status_is_written_apart_from_the_spec(control_plane: ControlPlane, namespace: str) -> None:
    """Otherwise a client that writes back a session which it read a while ago would undo the operator's report."""
    control_plane.api.post(collection(namespace), session_with("apart", {}))
    path = f"{collection(namespace)}/apart"
    control_plane.api.patch(f"{path}/status", {"status": {"state": "Running"}, "spec": {"hibernated": True}})
    control_plane.api.patch(path, {"status": {"state": "Failed"}})
    session = control_plane.api.get(path)
    assert (session["status"]["state"], session["spec"]["hibernated"]) == ("Running", False)


@pytest.mark.usefixtures("crd_installed")
@pytest.mark.parametrize(
    ("field", "sentences"),
    [
        ("ams", ["A session: a place to work, such as JupyterLab"]),
        ("ams.spec", ["Pause the session: its pod is deleted, its volume stays.", "When the session is paused"]),
        ("amss.spec.culling.maxAge", ["Pause it this long after it was started or resumed, such as 24h."]),
        (
            "ams.spec.extraContainers",
            ["Containers beside the session's.", "`kubectl explain pod.spec.containers`"],
        ),
        ("ams.status.state", ["`RunningDegraded` works, but a container beside it does not"]),
    ],
)
def test_kubectl_explain_teaches(field: str, sentences: list[str], control_plane: ControlPlane, tmp_path: Path) -> None:
    deadline = time.monotonic() + 30.0
    while not all(sentence in explained(control_plane, field, tmp_path) for sentence in sentences):
        assert time.monotonic() < deadline, f"kubectl explain {field} does not say it"
        time.sleep(0.05)


def explained(control_plane: ControlPlane, field: str, cache: Path) -> str:
    """Return what kubectl says on one line: nothing at first, as the words are published after the resource."""
    try:
        return " ".join(control_plane.kubectl("explain", field, "--cache-dir", str(cache)).split())
    except KubectlError:
        return ""


@pytest.mark.usefixtures("crd_installed")
def test_kubectl_get_shows_how_a_session_is(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    control_plane.api.post(collection(namespace), session_with("shown", {}))
    status = {"state": "Running", "url": "http://a.example.org/", "containerCounts": {"ready": 1, "total": 2}}
    control_plane.api.patch(f"{collection(namespace)}/shown/status", {"status": status})
    shown = control_plane.kubectl("get", "ams", "--namespace", namespace, "--cache-dir", str(tmp_path))
    header, line = (row.split() for row in shown.splitlines())
    assert header == ["NAME", "STATUS", "READY", "TOTAL", "AGE", "IDLE", "URL"]
    assert line[:4] + line[5:] == ["shown", "Running", "1", "2", "false", "http://a.example.org/"]
