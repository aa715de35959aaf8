"""Whatever a spec or a status holds that the CRD admits, no step may raise, and one session may cost only so much.

Seconds here; `make fuzz` goes on for minutes (FUZZ_EXAMPLES).
"""

import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from amalthea.api import crd, names
from amalthea.api.schema import Manifest
from amalthea.api.settings import BuildSettings
from amalthea.build.changes import compare
from amalthea.build.children import children
from amalthea.build.limits import LARGEST_CHILDREN, TooLargeError
from amalthea.build.pod_template_inputs import pod_relevant
from amalthea.build.secret import Material
from amalthea.build.subject import Subject
from amalthea.build.url import NO_URL, session_url
from amalthea.build.workload import wish
from amalthea.model import decoding
from amalthea.model.milestones import milestones
from amalthea.model.observed import Observed
from amalthea.model.plan import Course, Fresh, Plan, decide, refused
from amalthea.model.report import Context, Report, as_data, report
from amalthea.model.transitions import transition
from amalthea.operator import gauges
from amalthea.operator.caches import Caches
from amalthea.operator.gather import gather
from amalthea.operator.kinds import WATCHED
from amalthea.testing.builders import RUN_ID
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import container, pod
from tests.support import odd

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
KEY = ("team", "demo")
SCHEMA = crd.manifest()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
SPECS, STATUSES = odd.of(SCHEMA["spec"]), odd.of(SCHEMA["status"])
MOST_CPU = 0.05
"""Seconds that a pass may take of one core."""
LEGAL = {"hibernated": False, "session": {"image": "x"}}


def known(spec: Manifest, status: Manifest, *pods: Manifest) -> Caches:
    """Return the caches of an operator that sees this session, and children as it would make them."""
    caches = Caches(lambda *_: None)
    metadata = {"name": KEY[1], "namespace": KEY[0], "uid": "s", "resourceVersion": "1"}
    caches.observe(names.KIND, raw({"metadata": metadata, "spec": spec, "status": status}))
    for number, body in enumerate(pods):
        meta = {**metadata, "name": f"demo-{number}", "uid": f"p{number}", "labels": names.selector_labels(KEY[1])}
        caches.stores["Pod"].observe(decoding.pod(raw({**body, "metadata": meta})))
    return caches


def raw(body: object) -> Raw:
    return Raw(msgspec.json.encode(body))


def one_pass(caches: Caches) -> tuple[Plan, Report, list[Manifest]]:
    """Do every pure step of a pass, twice: once the children are there, they are compared with what is wanted."""
    observed = gather(caches, KEY)
    assert observed is not None
    plan, made = planned(observed)
    for manifest in made:
        identity = {"uid": manifest["kind"], "resourceVersion": "2", "namespace": KEY[0], "generation": 1}
        body = raw({**manifest, "metadata": {**manifest["metadata"], **identity}})
        caches.stores[manifest["kind"]].observe(WATCHED[manifest["kind"]].decode(body))
    observed = gather(caches, KEY)
    assert observed is not None
    plan, made = planned(observed)
    url = session_url(observed.spec, BuildSettings()) if observed.spec is not None else None
    told = report(observed, plan, (), Context(url or NO_URL, NOW))
    msgspec.json.encode(as_data(told.status))
    transition(observed.session.status, told.status)
    list(milestones(NOW, observed.session.status, told.status, NOW))
    return plan, told, made


def planned(observed: Observed) -> tuple[Plan, list[Manifest]]:
    plan = decide(observed, Fresh(lambda: RUN_ID))
    if plan.course is Course.REFUSE or observed.spec is None:
        compare(observed, plan, (), wish({}))
        return plan, []
    subject = Subject(*KEY, "s", observed.spec, BuildSettings(), plan.run_id)
    try:
        made = children(subject, Material("a", "b"))
    except TooLargeError as error:
        return refused(observed, (error.problem,)), []
    compare(observed, plan, made, wish(pod_relevant(decoding.raw_spec(observed.session))))
    return plan, made


@st.composite
def pods(draw: st.DrawFn) -> Manifest:
    """Draw a pod with odd times and words, as the kubelet might write them."""
    moments = st.sampled_from(("2026-11-22T13:59:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"))
    state: Manifest = draw(
        st.sampled_from(
            [
                {"running": {"startedAt": draw(moments)}},
                {"waiting": {"reason": draw(odd.texts), "message": draw(odd.texts)}},
                {"terminated": {"exitCode": draw(st.integers(-1, 256)), "reason": draw(odd.texts)}},
            ]
        )
    )
    conditions = [
        {
            "type": kind,
            "status": draw(st.sampled_from(["True", "False", "Unknown"])),
            "lastTransitionTime": draw(moments),
        }
        for kind in draw(st.lists(st.sampled_from(["PodScheduled", "Ready", "Initialized"]), unique=True))
    ]
    phase = draw(st.sampled_from(["Pending", "Running", "Failed", "Succeeded", "Unknown", ""]))
    status = container(state=state, ready=draw(st.booleans()), image=draw(odd.texts))
    return pod(status, phase=phase, reason=draw(odd.texts), message=draw(odd.texts), conditions=conditions)


def bounded(plan: Plan, made: Iterable[Manifest]) -> None:
    assert sum(len(msgspec.json.encode(each)) for each in made) <= LARGEST_CHILDREN
    assert all(problem.field and problem.remedy for problem in plan.problems)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=SPECS, status=STATUSES, found=st.lists(pods(), max_size=2))
@example(spec={**LEGAL, "culling": {"maxAge": "2 days"}, "sessionType": "NonInteractive"}, status={}, found=[])
@example(
    spec={**LEGAL, "culling": {"lastInteraction": "9999-12-30T23:59:59.9Z", "maxIdleDuration": "24h"}},
    status={"state": "Running", "idle": True, "idleSince": "2026-11-22T13:00:00Z"},
    found=[],
)
def test_no_step_of_a_pass_raises(spec: Manifest, status: Manifest, found: list[Manifest]) -> None:
    try:
        caches = known(spec, status, *found)
    except msgspec.ValidationError:
        return  # the reflector leaves out what cannot be read, and says so
    plan, told, made = one_pass(caches)
    bounded(plan, made)
    assert told.status.state
    if plan.problems:
        assert any(each.type == "Accepted" and each.message for each in told.status.conditions or ())
    assert [row.name for row in gauges.rows(caches, FakeClock(NOW))] == [KEY[1]]


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
    "annotations on all": {
        **LEGAL,
        "dataSources": [{"secretRef": {"name": "a"}}] * 100,
        "template": {"metadata": {"annotations": {"a": "x" * 200_000}}},
    },
}


@pytest.mark.parametrize("spec", DEAR.values(), ids=DEAR)
def test_one_sessions_spec_costs_only_so_much(spec: Manifest) -> None:
    seconds = []
    for _ in range(3):  # the machine may be slow at a moment
        caches = known(spec, {})
        began = time.process_time()
        plan, told, _ = one_pass(caches)
        seconds.append(time.process_time() - began)

    (accepted,) = [each for each in told.status.conditions or () if each.type == "Accepted"]
    assert plan.problems
    assert "spec" in (accepted.message or "") or "env" in (accepted.message or "")
    assert min(seconds) < MOST_CPU


def test_a_large_spec_that_fits_is_taken_and_costs_only_so_much() -> None:
    variables = [{"name": f"V{index}", "value": "x" * 100} for index in range(3_000)]
    seconds = []
    for _ in range(3):
        caches = known(with_session(env=variables), {})
        began = time.process_time()
        plan, _, made = one_pass(caches)
        seconds.append(time.process_time() - began)

    assert (plan.problems, len(made)) == ((), 4)
    assert min(seconds) < 2 * MOST_CPU  # two passes
