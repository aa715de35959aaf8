"""Small parts that many manifests are put together from: probes, resources, and leaving out what is empty."""

from amalthea.api.schema import Manifest

_EMPTY: tuple[object, ...] = (None, "", [], {})


def compact(fields: Manifest) -> Manifest:
    """Return the fields without the empty ones; 0 and False stay."""
    return {name: value for name, value in fields.items() if value not in _EMPTY}


def http_get(path: str, port: int) -> Manifest:
    """Return the handler of a probe that asks for a path and wants a 2xx or 3xx."""
    return {"httpGet": {"path": path, "port": port}}


def tcp_socket(port: int) -> Manifest:
    """Return the handler of a probe that opens a port."""
    return {"tcpSocket": {"port": port}}


def readiness_probe(handler: Manifest) -> Manifest:
    """Return a probe that asks each second: ready by its first answer, unready after 15 s of silence.

    There is no startup probe before it. The kubelet writes a readiness result into the pod's status at once, but after
    a startup probe's it first looks at the containers again, up to a second later. Until the first answer a container
    may take as long as it likes: `maxStartingDuration` of the session limits the start.
    """
    return {**handler, "periodSeconds": 1, "failureThreshold": 15}


def small_resources(cpu: str, memory: str) -> Manifest:
    """Return the resources of a container of ours: the memory is also the limit, the CPU has none."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}


NO_CAPABILITIES: Manifest = {"drop": ["ALL"]}
"""Capabilities of every container that the operator writes."""
HARDENED: Manifest = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": NO_CAPABILITIES,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""The security context of our containers, which write at most to mounted volumes."""
