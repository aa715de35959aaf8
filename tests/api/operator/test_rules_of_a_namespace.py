"""A namespace with a quota on limits, a LimitRange or Pod Security: each session says what to change, or is taken."""

import json

import pytest

from tests.api.operator.conftest import Operators
from tests.api.operator.specs import CONTAINER, PLAIN, TOKEN
from tests.support.world import Object, World

LIMITS = {"limits": {"cpu": "1", "memory": "128Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}}
FITTING = {kind: {"resources": LIMITS} for kind in ("authproxy", "clone")}
SESSION = {
    **TOKEN,
    "session": {**CONTAINER, "resources": LIMITS},
    "codeRepositories": [{"type": "git", "remote": "https://git.example.org/a/b.git"}],
}
RULES: dict[str, Object] = {
    "quota": {"kind": "ResourceQuota", "spec": {"hard": {"limits.cpu": "8", "requests.memory": "1Gi"}}},
    "range": {"kind": "LimitRange", "spec": {"limits": [{"type": "Container", "min": {"memory": "64Mi"}}]}},
}
DEFAULT: Object = {"kind": "LimitRange", "spec": {"limits": [{"type": "Container", "default": {"memory": "80Mi"}}]}}
TOLD = {"quota": "must specify|limits.cpu", "range": "minimum memory usage per Container is 64Mi"}
ASKED_BY_EVENTS = 45.0
"""Seconds within which Events are asked for, which alone tell of a refused pod."""


def enforce(world: World, rule: str, rules: Object = RULES) -> None:
    body = {"apiVersion": "v1", "metadata": {"name": rule}, **rules[rule]}
    world.api.post(f"/api/v1/namespaces/{world.namespace}/{body['kind'].lower()}s", body)
    if rule == "quota":
        world.wait_for("ResourceQuota", rule, lambda quota: quota.get("status", {}).get("hard"))


@pytest.mark.parametrize("rule", RULES)
def test_a_pod_that_is_refused_says_which_fields_to_change(rule: str, world: World, operators: Operators) -> None:
    enforce(world, rule)
    operators().start()
    world.secret("door", auth="token: x")
    world.session("one", SESSION)
    failed = world.wait_for_state("one", "Failed", ASKED_BY_EVENTS)
    error = failed["status"]["error"]
    assert any(word in error for word in TOLD[rule].split("|")), error
    assert "spec.session.resources" in error
    assert "sessionPods.containers of the chart" in error


@pytest.mark.parametrize("rule", RULES)
def test_with_the_values_of_the_chart_its_pod_is_taken(rule: str, world: World, operators: Operators) -> None:
    enforce(world, rule)
    operators(AMALTHEA_SESSION_CONTAINERS=json.dumps(FITTING)).start()
    world.secret("door", auth="token: x")
    world.session("one", SESSION)
    pod = world.wait_for("Pod", "one-0", bool)
    assert {each["name"] for each in pod["spec"]["initContainers"]} == {"authproxy", "git-clone-0"}


def test_a_default_limit_below_what_a_session_asks_for_is_told(world: World, operators: Operators) -> None:
    enforce(world, "default", {"default": DEFAULT})
    operators().start()
    world.session("one", {**PLAIN, "session": {**CONTAINER, "resources": {"requests": {"memory": "96Mi"}}}})
    error = world.wait_for_state("one", "Failed", ASKED_BY_EVENTS)["status"]["error"]
    assert "96Mi, where it must be less than or equal to memory limit of 80Mi" in error
    assert "spec.session.resources" in error
