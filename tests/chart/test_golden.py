"""The chart's whole output, in files that a person can read. The CRD is left out: it has a test of its own.

After a change on purpose write them anew, and read the difference:  UPDATE_GOLDEN=1 pytest tests/chart/test_golden.py
"""

import os
from pathlib import Path

import pytest
import yaml

from tests.chart.helm import Values, template

GOLDEN = Path(__file__).parent / "golden"

CASES: dict[str, Values] = {
    "default": {},
    "every-value": {
        "clusterScoped": True,
        "controllerManager": {
            "manager": {
                "args": ["--health-probe-bind-address=:8081", "--leader-elect", "--metrics-bind-address=:8080"],
                "image": {"repository": "mirror/operator", "tag": "1", "pullPolicy": "Always"},
                "resources": {"limits": {"cpu": None, "memory": "256Mi"}},
                "sentry": {"enabled": True, "dsn": "https://key@sentry.example.org/1", "environment": "production"},
            },
            "replicas": 2,
            "workers": 4,
            "metricsService": {"enabled": False},
            "serviceAccount": {"annotations": {"example.org/role": "operator"}},
            "remoteServiceAccount": {"annotations": {"example.org/role": "back-end"}},
            "imagePullSecrets": [{"name": "mirror"}],
            "priorityClassName": "system-cluster-critical",
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
        },
        "deploy": {"priorityClass": True, "remoteServiceAccount": True},
        "sidecars": {"oauth2Proxy": {"extraArgs": ["--skip-auth-preflight=true"]}},
        "logLevel": "debug",
        "podDisruptionBudget": {"minAvailable": 3},
        "networkPolicy": {
            "operator": {"enabled": True, "sentry": True},
            "sessions": {
                "enabled": True,
                "namespaces": ["one", "two"],
                "entryFrom": [{"podSelector": {"matchLabels": {"app": "ingress"}}, "namespaceSelector": {}}],
                "allPortsFrom": [{"ipBlock": {"cidr": "10.0.0.0/24"}}],
            },
        },
        "admissionPolicy": {
            "enabled": True,
            "actions": ["Deny", "Audit"],
            "serviceAccounts": ["trusted"],
            "ingressHosts": ["lab.example.org", "*.sessions.example.org"],
            "ingressAnnotations": ["example.org/size", "edge.example.org/*"],
        },
        "imageRewriteRules": [{"source_prefix": "docker.io/", "target_prefix": "mirror/hub/"}],
        "fullnameOverride": "sessions",
    },
}


@pytest.mark.parametrize("name", CASES)
def test_no_object_changes_unseen(name: str) -> None:
    file = GOLDEN / f"{name}.yaml"
    values = "".join(f"# {line}\n" for line in yaml.dump(CASES[name]).splitlines()) if CASES[name] else ""
    text = values + _without_crd(template(CASES[name]))
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert file.read_text() == text, "a change on purpose? UPDATE_GOLDEN=1 pytest tests/chart/test_golden.py"


def _without_crd(text: str) -> str:
    head = "---\n# Source:"
    return "".join(
        head + each for each in text.split(head)[1:] if "/crd.yaml\n" not in each.splitlines(keepends=True)[0]
    )


def test_no_golden_file_outlives_its_case() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(CASES)
