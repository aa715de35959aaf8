"""The automatic end of sessions, as seen from outside, and the measurements by which they end."""

from datetime import UTC, datetime

from lab.control_plane import metrics_api
from tests.support.world import Object, World, condition

LATE = 2.0
"""Seconds by which a deadline may be missed."""


def paused(world: World, name: str = "one") -> Object:
    """Return the session as soon as it is to be paused."""
    return world.wait_for("AmaltheaSession", name, lambda s: s["spec"]["hibernated"])


def stopped(world: World, name: str = "one") -> tuple[str, str]:
    """Return reason and message of what stopped a session, as soon as they are reported."""
    session = world.wait_for("AmaltheaSession", name, lambda s: condition(s, "Stopped"))
    found = condition(session, "Stopped")
    assert found is not None
    return found["reason"], found["message"]


def changed_at(session: Object, manager: str) -> float:
    """Return when a field manager last changed a session, in Unix time."""
    times = [
        e["time"] for e in session["metadata"]["managedFields"] if e["manager"] == manager and "subresource" not in e
    ]
    return max(datetime.fromisoformat(each).timestamp() for each in times)


def measure(world: World, cpu: str, name: str = "one") -> None:
    """Write a measurement of a session's container, as the metrics server does each 15 seconds."""
    pod = world.wait_for("Pod", f"{name}-0", lambda _: True)
    labels, cpu_of = pod["metadata"]["labels"], {"amalthea-session": cpu}
    body = metrics_api.measurement(f"{name}-0", labels, cpu_of, datetime.now(UTC))
    path = metrics_api.path(world.namespace)
    if world.api.healthy(f"{path}/{name}-0"):
        world.api.patch(f"{path}/{name}-0", body)
    else:
        world.api.post(path, body)
