"""Every manifest of the golden files is one that a real API server takes, to the last field."""

import pytest

from amalthea.children.manifests import children
from amalthea.children.secret import draw
from lab.control_plane.control_plane import ControlPlane
from tests.api.paths import collection
from tests.unit.children.cases import CASES, Case


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_api_server_refuses_no_field_of_any_manifest(
    case: Case, control_plane: ControlPlane, namespace: str
) -> None:
    manifests = children(case.builder.subject(), draw(bytes))
    assert manifests
    for manifest in manifests:
        body = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
        path = collection(manifest["kind"], namespace)
        stored = control_plane.api.post(f"{path}?dryRun=All&fieldValidation=Strict", body)
        assert stored["metadata"]["name"] == manifest["metadata"]["name"]
