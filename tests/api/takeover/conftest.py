"""The fixtures of the operator's tests, and what a pod of the recorded sessions needs to be let in."""

import pytest

from lab.control_plane.control_plane import ControlPlane
from tests.api.operator.conftest import crd, operators, world

__all__ = ["crd", "operators", "world"]


@pytest.fixture(scope="session", autouse=True)
def priority_class(full_control_plane: ControlPlane) -> None:
    """The PriorityClass that one of the recorded sessions names: without it no pod of its would be made."""
    body = {"metadata": {"name": "low"}, "value": 1}
    full_control_plane.api.post("/apis/scheduling.k8s.io/v1/priorityclasses", body)
