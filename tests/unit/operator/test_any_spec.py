"""One session's spec may cost only so much: what it makes is held in memory, sent and compared in each pass."""

from typing import Any

import pytest

from amalthea.api.schema import Manifest
from amalthea.children.shared.limits import LARGEST_CHILDREN
from tests.support import every_step
from tests.support.odd_objects import World, of

MOST_CPU = 0.05
"""Seconds of one core that a pass may take."""
LEGAL = {"hibernated": False, "session": {"image": "x"}}


def doubling(times: int) -> list[Manifest]:
    return [{"name": "A", "value": "x"}, *({"name": "A", "value": "$(A)$(A)"} for _ in range(times))]


def small(index: int) -> Manifest:
    return {"name": f"c{index}", "image": "x", "env": doubling(15)}


def with_session(**fields: Any) -> Manifest:  # noqa: ANN401  (fields of any type)
    return {**LEGAL, "session": {"image": "x", **fields}}


DEAR: dict[str, Manifest] = {
    "a variable that doubles": with_session(env=doubling(26)),
    "a variable that names itself often": with_session(
        env=[{"name": "A", "value": "x" * 1000}, {"name": "A", "value": "$(A)" * 100_000}]
    ),
    "a variable that doubles in each container": {**LEGAL, "extraContainers": [small(index) for index in range(64)]},
    "a variable that doubles before the session": {**LEGAL, "initContainers": [{"name": "a", "env": doubling(26)}]},
    "data sources without end": {**LEGAL, "dataSources": [{"secretRef": {"name": "a"}}] * 10_000},
    "repositories without end": {**LEGAL, "codeRepositories": [{"type": "git", "remote": "https://x/y"}] * 10_000},
    "containers without end": {**LEGAL, "extraContainers": [{"name": "a"}] * 30_000},
    "a spec of more than a megabyte": with_session(args=["x" * 1000] * 1_200),
    "variables without end": with_session(env=[{"name": f"V{index}", "value": ""} for index in range(12_000)]),
    "arguments without end": with_session(args=["x"] * 100_000),
    "resources without end": with_session(
        resources={"requests": {f"r{index}": f"{index}.5e3" for index in range(9_000)}}
    ),
    "node labels without end": {**LEGAL, "nodeSelector": {f"k{index}": "v" for index in range(30_000)}},
    "names of annotations on all": {
        **LEGAL,
        "dataSources": [{"secretRef": {"name": "a"}}] * 100,
        "template": {"metadata": {"annotations": {f"k{index}": "" for index in range(700)}}},
    },
    "a name of an annotation that doubles each time that it is quoted": {
        **LEGAL,
        "template": {"metadata": {"annotations": {'"' * 60_000: ""}}},
    },
    "dollars that double": with_session(env=[{"name": "A", "value": "$ " * 200}] * 1_000),
    "annotations on all": {
        **LEGAL,
        "dataSources": [{"secretRef": {"name": "a"}}] * 100,
        "template": {"metadata": {"annotations": {"a": "x" * 200_000}}},
    },
}


@pytest.mark.parametrize("spec", DEAR.values(), ids=DEAR)
def test_one_sessions_spec_costs_only_so_much(spec: Manifest) -> None:
    seen, seconds = every_step.cpu(World(of(spec)), MOST_CPU)
    (accepted,) = [each for each in seen.outcome.status.conditions or () if each.type == "Accepted"]
    assert seen.plan.problems
    assert "spec" in (accepted.message or "") or "env" in (accepted.message or "")
    assert seconds < MOST_CPU


LARGE: dict[str, Manifest] = {
    "many variables": with_session(env=[{"name": f"V{index}", "value": "x" * 100} for index in range(3_000)]),
    "references that never end": with_session(
        env=[{"name": "A", "value": "x"}, {"name": "A", "value": "$(B" * 100_000}]
    ),
    "references to nothing": with_session(env=[{"name": "A", "value": "x"}, {"name": "A", "value": "$(B)" * 100_000}]),
    "references that another machine gets": {
        **with_session(env=[{"name": f"V{index}", "value": "$(A" * 2_000} for index in range(50)]),
        "location": "remote",
    },
    "one long argument": with_session(args=["x" * 499_000]),
    "one long image": with_session(image="a/" * 200_000),
    "one long path": with_session(urlPath="/" + "a../" * 100_000),
    "many pull secrets": {**LEGAL, "imagePullSecrets": [{"name": f"s{index}"} for index in range(15_000)]},
    "many mounts of many sources": {
        **with_session(workingDir="w" * 4_000),
        "dataSources": [{"secretRef": {"name": "a"}, "mountPath": "r" + "/.." * 1_000}] * 100,
    },
}


@pytest.mark.parametrize("spec", LARGE.values(), ids=LARGE)
def test_a_large_spec_that_fits_is_taken_and_costs_only_so_much(spec: Manifest) -> None:
    seen, seconds = every_step.cpu(World(of(spec)), MOST_CPU)
    assert seen.plan.problems == ()
    assert 0 < seen.written <= LARGEST_CHILDREN
    assert seconds < MOST_CPU
