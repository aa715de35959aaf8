"""Session specs that several tests of the operator start from."""

from typing import Any

Spec = dict[str, Any]

CONTAINER: Spec = {"image": "docker.io/amalthea/probe:dev", "readinessProbe": {"type": "none"}}
PLAIN: Spec = {"session": CONTAINER, "ingress": {"host": "lab.localhost", "pathPrefix": "/s/one"}}
TOKEN: Spec = {
    **PLAIN,
    "authentication": {"enabled": True, "type": "token", "secretRef": {"name": "door", "key": "auth", "adopt": True}},
}
JOB: Spec = {"sessionType": "NonInteractive", "session": CONTAINER}


def with_env(spec: Spec, **values: str) -> Spec:
    """Return the spec with these environment variables in the session container."""
    env = [{"name": name, "value": value} for name, value in values.items()]
    return {**spec, "session": {**spec["session"], "env": env}}
