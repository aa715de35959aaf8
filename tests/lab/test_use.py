"""The services of the lab's own node. One node serves all tests of this file."""

from collections.abc import Iterator

import pytest

from lab.cluster import localhost
from lab.cluster.admin import Admin
from lab.node.layout import Layout
from tests.lab.support import SESSION, eventually, start_session, untouched, up


@pytest.fixture(scope="module")
def admin() -> Iterator[Admin]:
    """The administrator of a node that is up."""
    with untouched():
        yield up()


@pytest.fixture(scope="module")
def session(admin: Admin) -> str:
    """The address of a session that answers."""
    return start_session(admin)


def test_a_session_can_be_used_and_looked_into(admin: Admin, session: str) -> None:
    assert localhost.ask(f"{session}files/note", "PUT", b"kept").status == 204
    assert admin.kubectl("exec", "x-0", "--", "cat", "/work/note") == "kept"
    assert "PUT /one/files/note" in admin.kubectl("logs", "x-0")


def test_a_pod_reaches_its_own_service(admin: Admin, session: str) -> None:
    assert localhost.ask(session).status == 200
    service = admin.kubectl("get", "service", "x", "--output=jsonpath={.spec.clusterIP}")
    connect = f"import socket; print(socket.socket().connect_ex(('{service}', 80)))"
    eventually(lambda: admin.kubectl("exec", "x-0", "--", "python3", "-c", connect).strip() == "0")


def test_the_kubelet_reads_what_a_pod_mounts_before_the_node_authorizer_knows_the_pod(admin: Admin) -> None:
    node = ("--as=system:node:another", "--as-group=system:nodes", "--as-group=system:authenticated")
    for kind in ("configmaps", "persistentvolumeclaims", "persistentvolumes", "secrets"):
        assert admin.kubectl("auth", "can-i", "get", kind, *node).strip() == "yes"


def test_the_metrics_of_a_pod_are_known(admin: Admin, session: str) -> None:
    localhost.ask(f"{session}burn/60", "POST")
    path = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"
    eventually(lambda: '"name":"x-0"' in admin.kubectl("get", f"--raw={path}"))


def test_a_claim_grows_and_its_folder_goes_with_it(admin: Admin, session: str) -> None:
    assert localhost.ask(session).status == 200
    larger = '{"spec": {"resources": {"requests": {"storage": "2Gi"}}}}'
    admin.kubectl("patch", "persistentvolumeclaim", "x", f"--patch={larger}")
    size = "--output=jsonpath={.status.capacity.storage}"
    eventually(lambda: admin.kubectl("get", "persistentvolumeclaim", "x", size) == "2Gi")
    admin.kubectl("delete", f"--filename={SESSION}")
    eventually(lambda: not list(Layout().volumes.iterdir()))
