"""Session specs that several tests on real pods start from: the probe image, which does what its flags say."""

from typing import Any

Spec = dict[str, Any]

STARTS = 45.0
"""Seconds within which a pod of the probe runs; three are usual, more where the machine has much to do."""

NOT_ASKED = {"type": "none"}
"""How a session becomes ready whose program listens nowhere. All others keep the default: whose port opens."""


def container(**fields: object) -> Spec:
    """Return a session container of the probe image that keeps its files on the session's volume."""
    return {
        "image": "docker.io/amalthea/probe:dev",
        "imagePullPolicy": "IfNotPresent",
        "port": 8888,
        "workingDir": "/work",
        "storage": {"size": "10Mi", "mountPath": "/work"},
        **fields,
    }


def opened_at(name: str, **fields: object) -> Spec:
    """Return an interactive session with a host name of its own."""
    return {"session": container(**fields), "ingress": {"host": f"{name}.localhost"}}


def job(seconds: float = 0.5, exit_code: int = 0) -> Spec:
    """Return a batch job that ends by itself."""
    env = environment(PROBE_RUN_SECONDS=str(seconds), PROBE_EXIT_CODE=str(exit_code))
    return {"sessionType": "NonInteractive", "session": container(env=env)}


def environment(**values: str) -> list[dict[str, str]]:
    """Return environment variables as a container lists them."""
    return [{"name": name, "value": value} for name, value in values.items()]
