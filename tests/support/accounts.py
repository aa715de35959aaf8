"""Service accounts of a test's namespace, and kubeconfigs that speak as them."""

import json
from pathlib import Path
from typing import Any

from lab.control_plane.control_plane import ControlPlane
from tests.support.world import World

_RBAC = "rbac.authorization.k8s.io"


def kubeconfig(control_plane: ControlPlane, world: World, account: str, folder: Path) -> Path:
    """Make a service account, and return a kubeconfig with its token."""
    core = f"/api/v1/namespaces/{world.namespace}/serviceaccounts"
    world.api.post(core, {"metadata": {"name": account}})
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = world.api.post(f"{core}/{account}/token", asked)["status"]["token"]
    config = json.loads(control_plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path = folder / f"as-{account}"
    path.write_text(json.dumps(config))
    return path


def bind(world: World, account: str, role: dict[str, Any]) -> None:
    """Give the account a Role of the namespace with these rules, or a ClusterRole that is there, everywhere."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": world.namespace}
    name, kind = role["metadata"]["name"], role["kind"]
    scope = f"/apis/{_RBAC}/v1" if kind == "ClusterRole" else f"/apis/{_RBAC}/v1/namespaces/{world.namespace}"
    if kind == "Role":
        world.api.post(f"{scope}/roles", {"metadata": {"name": name}, "rules": role["rules"]})
    reference = {"apiGroup": _RBAC, "kind": kind, "name": name}
    binding = {"metadata": {"name": f"{name}-{world.namespace}"}, "subjects": [subject], "roleRef": reference}
    world.api.post(f"{scope}/{kind.lower()}bindings", binding)
