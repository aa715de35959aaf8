"""A namespace that enforces the Pod Security Standard `restricted` must not refuse what the operator adds to a pod."""

import re
import secrets

import pytest

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.pod import pod
from amalthea.testing.builders import SessionBuilder, session
from lab.control_plane.api import ApiError
from lab.control_plane.control_plane import ControlPlane
from tests import recorded

HARDENED = {"allowPrivilegeEscalation": False, "seccompProfile": {"type": "RuntimeDefault"}}
"""What `restricted` asks beyond what a session's own container has."""
CLONING = session().with_token().with_repository("https://git.example.org/a/b.git")
CASES = {
    **{name: session(name).with_spec(**recorded.load(name).given["spec"]) for name in recorded.NAMES},
    "clone": CLONING,
    "clone as another user": CLONING.with_session(runAsUser=1001, runAsGroup=1001),
    "remote with oidc": session().remote().with_oidc(),
}


@pytest.fixture(scope="module")
def restricted(control_plane: ControlPlane) -> str:
    """Return the name of a namespace that enforces `restricted`."""
    name = f"restricted-{secrets.token_hex(4)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    control_plane.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    account = {"metadata": {"name": "default"}}
    control_plane.api.post(f"/api/v1/namespaces/{name}/serviceaccounts", account)
    return name


def refused(control_plane: ControlPlane, namespace: str, spec: Manifest) -> set[str]:
    """Return the names of the containers for which the API server refuses a pod."""
    path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
    try:
        control_plane.api.post(path, {"metadata": {"name": "one"}, "spec": spec})
    except ApiError as error:
        said = str(error)
        assert "violates PodSecurity" in said
        named = re.findall(r"containers? ((?:\\?\"[^\"]+\",? ?)+)", said)
        return set(re.findall(r"[\w-]+", " ".join(named)))
    return set()


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("builder", CASES.values(), ids=CASES)
def test_with_a_value_of_the_chart_whole_pods_of_sessions_are_taken_there(
    control_plane: ControlPlane, restricted: str, builder: SessionBuilder, native: bool
) -> None:
    spec = spec_of(builder.with_settings(restricted_pods=True), native=native)
    assert refused(control_plane, restricted, spec) == set()


def spec_of(builder: SessionBuilder, *, native: bool) -> Manifest:
    spec: Manifest = pod.template(builder.with_settings(native_sidecars=native).subject())["spec"]
    return {**spec, "serviceAccountName": "default", "priorityClassName": None}


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("builder", CASES.values(), ids=CASES)
def test_no_container_that_the_operator_adds_is_in_the_way_of_a_restricted_namespace(
    control_plane: ControlPlane, restricted: str, builder: SessionBuilder, native: bool
) -> None:
    spec = spec_of(builder, native=native)
    given = builder.subject().spec
    users = {each["name"] for each in (*(given.extra_containers or ()), *(given.init_containers or ()))}
    local = set() if given.location == "remote" else {names.CONTAINER_SESSION}
    assert refused(control_plane, restricted, spec) == users | local

    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        if container["name"] in users | local:
            usual = {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
            container["securityContext"] = {**usual, **container.get("securityContext", {}), **HARDENED}
    assert refused(control_plane, restricted, spec) == set()
