"""The fake nodes, on which the benchmark's sessions run."""

import time
from pathlib import Path
from typing import Any

import pytest

from lab.control_plane import kwok
from lab.control_plane.control_plane import ControlPlane

POD_SPEC = {
    "initContainers": [
        {"name": "first", "image": "x"},
        {"name": "sidecar", "image": "x", "restartPolicy": "Always"},
    ],
    "containers": [{"name": "main", "image": "x"}],
}
STATEFUL_SET = {
    "metadata": {"name": "set"},
    "spec": {
        "serviceName": "set",
        "replicas": 1,
        "selector": {"matchLabels": {"app": "set"}},
        "template": {"metadata": {"labels": {"app": "set"}}, "spec": POD_SPEC},
    },
}
JOB = {
    "metadata": {"name": "job"},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}}},
}


def wait_for_phase(control_plane: ControlPlane, path: str, field: str, seconds: float = 20.0) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        found = control_plane.api.get(path)
        if found["status"].get(field):
            return found
        assert time.monotonic() < deadline, f"{path} never had status.{field}: {found['status']}"
        time.sleep(0.05)


@pytest.mark.timeout(120)
def test_pods_on_fake_nodes_run_complete_and_vanish(tmp_path: Path) -> None:
    with ControlPlane(tmp_path, kwok.settings()) as control_plane:
        kwok.FakeNodes(control_plane, nodes=2).start()
        sets, jobs = "/apis/apps/v1/namespaces/default/statefulsets", "/apis/batch/v1/namespaces/default/jobs"
        control_plane.api.post(sets, STATEFUL_SET)
        control_plane.api.post(jobs, JOB)
        assert wait_for_phase(control_plane, f"{sets}/set", "readyReplicas")["status"]["readyReplicas"] == 1
        assert wait_for_phase(control_plane, f"{jobs}/job", "succeeded")["status"]["succeeded"] == 1

        pod = control_plane.api.get("/api/v1/namespaces/default/pods/set-0")
        assert pod["spec"]["nodeName"] in {"fake-000", "fake-001"}
        assert pod["status"]["podIP"].startswith("198.18.")
        first, sidecar = pod["status"]["initContainerStatuses"]
        assert first["state"]["terminated"]["exitCode"] == 0
        assert "running" in sidecar["state"]
        assert {c["type"] for c in pod["status"]["conditions"]} >= {"PodScheduled", "Ready", "Initialized"}

        lease = control_plane.api.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/fake-000")
        assert lease["spec"]["leaseDurationSeconds"] == kwok.LEASE_SECONDS

        control_plane.api.patch(f"{sets}/set", {"spec": {"replicas": 0}})
        deadline = time.monotonic() + 20
        while control_plane.api.get("/api/v1/namespaces/default/pods?labelSelector=app%3Dset")["items"]:
            assert time.monotonic() < deadline, "the pod never went away"
            time.sleep(0.05)
