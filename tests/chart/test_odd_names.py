"""Releases and namespaces may be called what Helm and Kubernetes allow: digits alone, dots, 53 letters."""

import re
from pathlib import Path

import pytest

from lab.control_plane.control_plane import ControlPlane
from tests.chart.helm import CHART, HelmError, Object, documents, find, helm, render

NAMES = ("123", "1e3", "true", "my.release", "1" * 53, "r" * 53, "amalthea-sessions-1764463569")
EVERYTHING = (
    "networkPolicy.operator.enabled=true",
    "networkPolicy.sessions.enabled=true",
    "admissionPolicy.enabled=true",
    "deploy.remoteServiceAccount=true",
)
SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1035, which holds for Services, not for other objects."""


def texts(part: object, path: str = "") -> list[str]:
    """Return the paths of labels, selectors and namespaces that are not text: the API server takes nothing else."""
    wrong = []
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        here = f"{path}.{key}"
        if (key == "namespace" or path.endswith(("abels", ".selector"))) and isinstance(value, int | float):
            wrong.append(here)
        wrong += texts(value, here)
    return wrong


@pytest.mark.parametrize("name", NAMES)
def test_a_release_of_any_name_has_labels_that_are_text_and_a_service_that_can_be(name: str) -> None:
    monitoring = ("monitoring.serviceMonitor.enabled=true", "monitoring.alerts.enabled=true")
    chosen = ",".join((*EVERYTHING, *monitoring))
    flags = ("--namespace", "42", "--kube-version", "1.34.0", "--set", chosen)
    objects = documents(helm("template", name, str(CHART), *flags))
    assert not [f"{each['kind']}{wrong}" for each in objects for wrong in texts(each)]
    service = find(objects, "Service", "-metrics")["metadata"]["name"]
    assert SERVICE_NAME.fullmatch(service), service
    assert f'service="{service}"' in str(find(objects, "PrometheusRule")["spec"]), "else no alert fires"


@pytest.mark.timeout(240)
def test_releases_of_odd_names_are_installed_side_by_side(cluster: ControlPlane, tmp_path: Path) -> None:
    place = ("--kubeconfig", str(cluster.kubeconfig), "--namespace", "42", "--create-namespace")
    for number, name in enumerate(NAMES):
        crd = f"deployCrd={'false' if number else 'true'}"
        helm(
            "install",
            name,
            str(CHART),
            *place,
            "--set",
            ",".join((*EVERYTHING[: 3 if number else 4], crd)),
            home=tmp_path,
        )
    deployed: list[Object] = cluster.api.get("/apis/apps/v1/namespaces/42/deployments")["items"]
    assert {each["metadata"]["labels"]["app.kubernetes.io/instance"] for each in deployed} == set(NAMES)


@pytest.mark.parametrize("value", ["nameOverride", "fullnameOverride"])
@pytest.mark.parametrize("name", ["My Name", "a_b", "-a", "ä"])
def test_a_name_that_no_object_can_have_is_refused_by_the_value_that_gives_it(value: str, name: str) -> None:
    with pytest.raises(HelmError, match=f"at '/{value}'"):
        render({value: name})
