"""The operator's own pod: small, without rights on its node, and ready when it says so."""

import time

import pytest

from amalthea.api.quantities import parse
from lab.cluster.admin import CommandError
from tests.e2e.operator_pod import Installation

MEMORY_BOUND = parse("96Mi")
"""A quarter below its limit."""
MEASURED_WITHIN = 60.0


def test_it_runs_as_nobody_without_capabilities_on_a_file_system_that_nobody_can_write(operator: Installation) -> None:
    assert operator.run("id", "-u").strip() == "65532"
    status = operator.run("cat", "/proc/1/status")
    for capabilities in ("CapEff", "CapPrm", "CapBnd"):
        assert f"{capabilities}:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    for folder in ("/", "/tmp", "/opt/amalthea"):
        with pytest.raises(CommandError, match="Read-only file system"):
            operator.run("touch", f"{folder}/written")


def test_it_says_that_it_is_ready_and_alive(operator: Installation) -> None:
    assert operator.ask(8081, "/readyz")
    assert operator.ask(8081, "/healthz")
    assert "amalthea_sessions_total" in operator.ask(8080, "/metrics")


def test_it_uses_far_less_memory_than_its_limit(operator: Installation) -> None:
    pod = operator.pod()
    assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == "128Mi"
    metrics = f"/apis/metrics.k8s.io/v1beta1/namespaces/{operator.world.namespace}/pods/{pod['metadata']['name']}"
    deadline = time.monotonic() + MEASURED_WITHIN
    while not operator.world.api.healthy(metrics):
        assert time.monotonic() < deadline, "nobody has measured the pod"
        time.sleep(0.5)
    used = operator.world.api.get(metrics)["containers"][0]["usage"]["memory"]
    assert parse(used) < MEMORY_BOUND, used
