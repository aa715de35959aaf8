"""`amalthea explain` as a user of a real cluster runs it: a process of its own, with that user's rights."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.control_plane.control_plane import ControlPlane
from tests.support.world import World

EVERYTHING = ["pods", "events", "persistentvolumeclaims", "statefulsets", "jobs", "amaltheasessions"]


@dataclass(frozen=True)
class Told:
    """The output of the command."""

    code: int
    out: str
    err: str


@pytest.fixture
def world(control_plane: ControlPlane, namespace: str, crd_installed: None) -> World:  # noqa: ARG001
    """A fresh namespace without any operator: statuses stay as the tests write them."""
    return World(control_plane.api, namespace)


@pytest.fixture
def user(control_plane: ControlPlane, world: World) -> Callable[..., Path]:
    """Makes a user who may do this and no more, and returns their kubeconfig."""

    def make(verbs: list[str], resources: list[str]) -> Path:
        name = f"user-{secrets.token_hex(3)}"
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{world.namespace}"
        rule = {"apiGroups": ["", "apps", "batch", "amalthea.dev"], "resources": resources, "verbs": verbs}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
        control_plane.api.post(f"{rbac}/roles", {"metadata": {"name": name}, "rules": [rule]})
        binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
        control_plane.api.post(f"{rbac}/rolebindings", binding)
        return control_plane.user_kubeconfig(name)

    return make


def explain(kubeconfig: Path, *arguments: str, **environment: str) -> Told:
    """Run the command."""
    done = subprocess.run(
        [sys.executable, "-m", "amalthea.main", "explain", f"--kubeconfig={kubeconfig}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "TZ": "UTC", **environment},
    )
    return Told(done.returncode, done.stdout, done.stderr)
