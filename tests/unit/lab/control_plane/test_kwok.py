"""kwok gets what to simulate in files that it understands."""

from typing import Any

import pytest
import yaml

from lab.control_plane import kwok


def stages() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(kwok.STAGES.read_text()))


def test_each_stage_is_known_by_its_name() -> None:
    names = [stage["metadata"]["name"] for stage in stages()]
    assert names == ["node-initialise", "node-heartbeat", "pod-ready", "pod-complete", "pod-delete"]
    assert {(stage["apiVersion"], stage["kind"]) for stage in stages()} == {("kwok.x-k8s.io/v1alpha1", "Stage")}


def test_no_stage_of_a_living_pod_takes_one_that_is_being_deleted() -> None:
    """Else a pod would be brought back to life forever."""
    for stage in stages():
        if stage["spec"]["resourceRef"]["kind"] == "Pod":
            deletes = stage["spec"]["next"].get("delete", False)
            wanted = "Exists" if deletes else "DoesNotExist"
            expression = {"key": ".metadata.deletionTimestamp", "operator": wanted}
            assert expression in stage["spec"]["selector"]["matchExpressions"]


def test_every_template_closes_what_it_opens() -> None:
    for stage in stages():
        for patch in stage["spec"]["next"].get("patches", []):
            template: str = patch["template"]
            opened = template.count("{{ range ") + template.count("{{ if ")
            assert template.count("{{ end }}") == opened


def test_nodes_differ_in_name_and_in_their_pods_addresses() -> None:
    nodes = [kwok.node(number) for number in range(kwok.MAX_NODES)]
    assert len({node["metadata"]["name"] for node in nodes}) == kwok.MAX_NODES
    assert len({node["spec"]["podCIDR"] for node in nodes}) == kwok.MAX_NODES
    assert {node["status"]["allocatable"]["pods"] for node in nodes} == {"250"}


@pytest.mark.parametrize("number", [-1, kwok.MAX_NODES])
def test_a_node_whose_pods_would_have_no_addresses_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="numbered 0 to 127"):
        kwok.node(number)
