"""The chart's NetworkPolicy for sessions as Helm renders it: the pods that it selects, and the traffic that it admits.

tests/e2e/test_network_policy.py shows its effect on real pods.
"""

import pytest

from amalthea.api import names
from tests.chart.helm import NAMESPACE, HelmError, Object, Values, find, render

INGRESS_CONTROLLER = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}]


def policies(sessions: Values, **values: object) -> list[Object]:
    """Return the NetworkPolicies that the chart renders."""
    objects = render({"networkPolicy": {"sessions": {"enabled": True, **sessions}}, **values})
    return [each for each in objects if each["kind"] == "NetworkPolicy"]


def test_nobody_is_cut_off_who_has_not_asked_for_it() -> None:
    assert "NetworkPolicy" not in {each["kind"] for each in render()}


def test_only_the_doors_are_open_to_everybody_and_figures_to_the_operator_alone() -> None:
    (policy,) = policies({})
    assert policy["metadata"]["namespace"] == NAMESPACE
    assert policy["spec"]["policyTypes"] == ["Ingress"], "what sessions reach themselves is not its business"
    doors, figures = policy["spec"]["ingress"]
    assert doors == {"ports": [{"port": names.PORT_ENTRY}, {"port": names.PORT_TUNNEL}]}
    assert figures["ports"] == [{"port": names.PORT_META}]
    (operator,) = figures["from"]
    assert operator["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
    pod = find(render(), "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert operator["podSelector"]["matchLabels"].items() <= pod.items()


def test_it_selects_every_session_and_no_label_of_a_user_can_leave_it() -> None:
    selector = policies({})[0]["spec"]["podSelector"]["matchLabels"]
    assert selector.items() <= names.selector_labels("any").items()
    assert names.LABEL_INSTANCE not in selector


def test_an_ingress_controller_alone_can_be_let_in_to_the_doors_or_to_every_port() -> None:
    (policy,) = policies({"entryFrom": INGRESS_CONTROLLER, "allPortsFrom": INGRESS_CONTROLLER})
    doors, _, everything = policy["spec"]["ingress"]
    assert doors["from"] == INGRESS_CONTROLLER
    assert everything == {"from": INGRESS_CONTROLLER}


def test_an_operator_of_the_whole_cluster_is_let_into_each_namespace_that_is_named() -> None:
    made = policies({"namespaces": ["one", "two"]}, clusterScoped=True)
    assert [each["metadata"]["namespace"] for each in made] == ["one", "two"]
    for each in made:
        operator = each["spec"]["ingress"][1]["from"][0]["namespaceSelector"]["matchLabels"]
        assert operator == {"kubernetes.io/metadata.name": NAMESPACE}


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"clusterScoped": True, "networkPolicy": {"sessions": {"enabled": True}}}, "list the namespaces of the sess"),
        ({"networkPolicy": {"sessions": {"enabled": True, "namespaces": ["one"]}}}, "is for clusterScoped only"),
        ({"networkPolicy": {"sessions": {"allPortsFrom": [{}]}}}, "minProperties: got 0, want 1"),
        ({"networkPolicy": {"sessions": {"entryFrom": [{"podselector": {}}]}}}, "'podselector' not allowed"),
    ],
    ids=str,
)
def test_a_policy_that_would_guard_nothing_or_let_in_everybody_is_refused(values: Values, complaint: str) -> None:
    with pytest.raises(HelmError, match=complaint):
        render(values)
