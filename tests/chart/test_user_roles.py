"""Users of a namespace must be able to use its sessions, without asking a cluster's admin and without a right more."""

import time
from pathlib import Path

import pytest

from lab.control_plane.control_plane import ControlPlane, KubectlError
from tests.chart.helm import CHART, NAMESPACE, documents, helm, render
from tests.chart.installation import Installation

READ, WRITE = ("get", "list", "watch"), ("create", "update", "patch", "delete")
MAY = {"view": READ, "edit": (*READ, *WRITE), "admin": (*READ, *WRITE)}


@pytest.mark.timeout(180)
def test_who_has_a_role_in_a_namespace_may_use_its_sessions_as_far_as_that_role_goes(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    Installation(cluster, tmp_path).install(CHART)
    for role in MAY:
        cluster.kubectl("create", "rolebinding", role, "--clusterrole", role, "--user", role, "-n", NAMESPACE)
    for role, verbs in MAY.items():
        _wait_for_rights(cluster, role, verbs[-1])
        assert tuple(verb for verb in (*READ, *WRITE) if _may(cluster, role, verb)) == verbs, role
        assert not _may(cluster, role, "update", "amaltheasessions/status"), "the operator alone tells how they are"
        assert not _may(cluster, role, "get", namespace="default"), "a namespace is not the cluster"


@pytest.mark.parametrize("values", [{"userRoles": {"enabled": False}}, {"deployCrd": False}], ids=str)
def test_who_may_not_make_cluster_roles_can_install_the_chart_all_the_same(values: dict[str, object]) -> None:
    assert "ClusterRole" not in {each["kind"] for each in render(values)}


def test_two_releases_do_not_want_the_same_cluster_role() -> None:
    names = [
        each["metadata"]["name"]
        for release, namespace in (("one", "a"), ("two", "a"), ("one", "b"))
        for each in documents(helm("template", release, str(CHART), "--namespace", namespace))
        if each["kind"] == "ClusterRole"
    ]
    assert len(names) == len(set(names)) == 6


def _wait_for_rights(cluster: ControlPlane, user: str, verb: str, within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not _may(cluster, user, verb):
        assert time.monotonic() < deadline, f"{user} may not {verb} sessions after {within} s"
        time.sleep(0.05)


def _may(
    cluster: ControlPlane, user: str, verb: str, resource: str = "amaltheasessions", namespace: str = NAMESPACE
) -> bool:
    kind, _, subresource = resource.partition("/")
    asked = (verb, f"{kind}.amalthea.dev", "--as", user, "--namespace", namespace)
    try:
        cluster.kubectl("auth", "can-i", *asked, *(["--subresource", subresource] if subresource else []))
    except KubectlError:
        return False
    return True
