"""The operator against a real API server with a controller manager; kubelets are played by the tests."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.control_plane import metrics_api
from lab.control_plane.control_plane import ControlPlane
from tests.api.operator import old_role
from tests.support.processes import OperatorProcess
from tests.support.world import World

Operators = Callable[..., OperatorProcess]
"""Makes operators for the test's namespace, with settings from the environment that is given."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot pass under the old chart's Role."""
    old_role.leave_out(items)


@pytest.fixture
def world(full_control_plane: ControlPlane, full_namespace: str) -> World:
    """A fresh namespace."""
    return World(full_control_plane.api, full_namespace)


@pytest.fixture
def operators(
    full_control_plane: ControlPlane, world: World, tmp_path: Path
) -> Iterator[Callable[..., OperatorProcess]]:
    """Makes operators for the namespace; all end with the test."""
    made: list[OperatorProcess] = []
    as_admin = full_control_plane.kubeconfig
    kubeconfig = old_role.kubeconfig(full_control_plane, world, tmp_path) if old_role.IN_FORCE else as_admin

    def make(**environment: str) -> OperatorProcess:
        made.append(OperatorProcess(kubeconfig, tmp_path, world.namespace, **environment))
        return made[-1]

    yield make
    for each in made:
        each.kill()


@pytest.fixture
def operator(operators: Operators) -> OperatorProcess:
    """A running operator."""
    return operators().start()


@pytest.fixture(scope="session", autouse=True)
def crd(full_control_plane: ControlPlane) -> None:
    """Our CRD, served."""
    install_crd(full_control_plane)


@pytest.fixture(scope="session", name="metrics_api")
def installed_metrics_api(full_control_plane: ControlPlane) -> None:
    """A metrics API whose measurements are objects that a test writes."""
    metrics_api.install(full_control_plane.api)


def install_crd(control_plane: ControlPlane) -> None:
    """Install our CRD, and wait until the API server serves it."""
    control_plane.kubectl("apply", "-f", "config/crd/bases/amalthea.dev_amaltheasessions.yaml")
    deadline = time.monotonic() + 30
    while not control_plane.api.healthy("/apis/amalthea.dev/v1alpha1/amaltheasessions"):
        assert time.monotonic() < deadline, "the CRD was not established"
        time.sleep(0.05)
