"""`--metrics-secure`: metrics over TLS, to nobody but those who may read them by the cluster's own rules."""

import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.api.operator.conftest import Operators
from tests.support.processes import OperatorProcess
from tests.support.world import World


def token_of(world: World, name: str) -> str:
    """Make a service account, and return a token for it."""
    accounts = f"/api/v1/namespaces/{world.namespace}/serviceaccounts"
    world.api.post(accounts, {"metadata": {"name": name}})
    token: str = world.api.post(f"{accounts}/{name}/token", {"spec": {"expirationSeconds": 600}})["status"]["token"]
    return token


def may_read_metrics(world: World, name: str) -> None:
    """Let a service account get /metrics."""
    rbac, unique = "/apis/rbac.authorization.k8s.io/v1", f"metrics-{world.namespace}"
    rules = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    world.api.post(f"{rbac}/clusterroles", {"metadata": {"name": unique}, "rules": rules})
    binding: dict[str, Any] = {
        "metadata": {"name": unique},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": unique},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": world.namespace}],
    }
    world.api.post(f"{rbac}/clusterrolebindings", binding)


def read(operator: OperatorProcess, token: str | None) -> tuple[int, str]:
    """Ask for the metrics over TLS; the certificate is self-made, so it is not verified here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"https://127.0.0.1:{operator.metrics_port}/metrics", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def secured(operators: Operators) -> OperatorProcess:
    return operators().start("--metrics-secure")


def test_without_a_token_nothing_is_told(secured: OperatorProcess) -> None:
    assert read(secured, None)[0] == 401


def test_a_token_that_is_none_is_refused(secured: OperatorProcess) -> None:
    assert read(secured, "made-up")[0] == 401


def test_who_may_not_read_is_refused_and_who_may_reads(world: World, secured: OperatorProcess) -> None:
    token = token_of(world, "prometheus")
    status, text = read(secured, token)
    assert status == 403
    assert "prometheus" in text
    assert token not in secured.log
    may_read_metrics(world, "prometheus")
    status, text = read(secured, token)
    assert status == 200
    assert "amalthea_leading" in text
