"""Real API servers for the tests of this folder, and a fresh namespace for each test.

The programs are built, with visible progress, before the first test starts: a build takes longer than any test may.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.base.progress import Progress
from lab.control_plane.control_plane import ControlPlane
from lab.control_plane.flags import Settings
from lab.programs import binaries


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing in the lab's cache, unless the tests are only listed."""
    if session.items and not session.config.option.collectonly:
        capture = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            binaries.build(["control-plane", "fake-nodes"], Progress())


CRD = Path(__file__).parents[2] / "config/crd/bases/amalthea.dev_amaltheasessions.yaml"
SERVED_WITHIN = 20.0
"""Seconds from the creation of a CRD until the API server answers for its objects; one is usual."""


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Return an API server with etcd and nothing else: objects stay exactly as tests and the operator write them.

    Shared by all tests: whoever stops or restarts it starts a `ControlPlane` of their own. Namespaces are never
    removed, and no StatefulSet gets pods.
    """
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as started:
        yield started


@pytest.fixture(scope="session")
def full_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Return an API server with a controller manager: StatefulSets and Jobs get pods, orphans are collected.

    There is no node, so pods stay Pending until a test patches their status. Shared by all tests, as `control_plane`.
    """
    settings = Settings(controller_manager=True)
    with ControlPlane(tmp_path_factory.mktemp("full-control-plane"), settings) as started:
        yield started


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """Return the name of a new namespace in `control_plane` that no other test uses."""
    return new_namespace(control_plane)


@pytest.fixture
def full_namespace(full_control_plane: ControlPlane) -> str:
    """Return the name of a new namespace in `full_control_plane` that no other test uses."""
    return new_namespace(full_control_plane)


def new_namespace(control_plane: ControlPlane) -> str:
    """Make a namespace that no other test uses; return its name."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture(scope="session")
def crd_installed(install_crd: Callable[[str], None]) -> None:
    """Serve our sessions in `control_plane`, from the committed file."""
    install_crd(CRD.read_text())


@pytest.fixture(scope="session")
def install_crd(control_plane: ControlPlane) -> Callable[[str], None]:
    """Return a function that applies the text of a CRD to `control_plane` and waits until its objects are served."""

    def install(text: str) -> None:
        control_plane.kubectl("apply", "--filename", "-", stdin=text)
        spec = yaml.safe_load(text)["spec"]
        deadline = time.monotonic() + SERVED_WITHIN
        while not _serves(control_plane, spec):
            assert time.monotonic() < deadline, f"{spec['group']} is not served after {SERVED_WITHIN} s"
            time.sleep(0.05)

    return install


def _serves(control_plane: ControlPlane, spec: dict[str, Any]) -> bool:
    """Return whether the CRD is established under all its names, and its objects can be listed."""
    group, plural = spec["group"], spec["names"]["plural"]
    crd = control_plane.api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{group}")
    conditions = {each["type"]: each["status"] for each in crd["status"].get("conditions") or []}
    accepted = conditions.get("NamesAccepted") == conditions.get("Established") == "True"
    return accepted and control_plane.api.healthy(f"/apis/{group}/{spec['versions'][0]['name']}/{plural}")
