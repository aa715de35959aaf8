"""Odd sessions, children, pods and Events as an API server may hold them: what `every_step.py` is put through.

A session is one of many kinds with some fields made odd, or odd altogether. Children and pods are of the session or of
somebody else, with a record of ours, a broken one or none.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.testing.builders import RUN_ID, session
from amalthea.testing.observations import STARTED, container, pod, running, statefulset
from tests.support import kube_schemas, odd

KEY = ("team", "demo")
UID = "s"
T = TypeVar("T")

WORKLOAD_UID = "w"
_RECORDS = ("", "{", "[]", '{"v": 2, "manifest": ""}', '{"v": 2, "generation": 1, "labels": ["a"]}', '{"a":' * 20_000)
_KNOWN = (
    session().with_token().with_ingress().with_data_source("/data", "a"),
    session().with_oidc().with_ingress().with_repository("https://example.org/a.git"),
    session().as_job(),
    session().as_job().hibernated(),
    session().hibernated().with_ingress(),
    session().remote().with_oauth2_proxy().with_ingress(),
)
_LIMITS = ("Age", "IdleDuration", "StartingDuration", "FailedDuration", "HibernatedDuration")
_QUANTITIES = ("NaN", "9" * 400, "-1", "1e" + "9" * 90, "")
_often = st.booleans()
SPECS, STATUSES = odd.of(kube_schemas.SESSION["spec"]), odd.of(kube_schemas.SESSION["status"])


@dataclass(frozen=True)
class World:
    """All that there is of one session, as JSON would have it."""

    session: Manifest
    children: tuple[tuple[str, Manifest], ...] = ()
    """Kind and body of each; pods are among them."""
    events: tuple[Manifest, ...] = ()
    measurement: Manifest = field(default_factory=dict)
    door: bytes = b""
    """What the session's proxy answers."""
    blind: bool = False


def of(spec: Manifest, status: Manifest | None = None, **metadata: Any) -> Manifest:  # noqa: ANN401  (of any type)
    """Return a session."""
    its = {
        "name": KEY[1],
        "namespace": KEY[0],
        "uid": UID,
        "resourceVersion": "1",
        "creationTimestamp": STARTED,
    }
    return {"metadata": {**its, **metadata}, "spec": spec, "status": status or {}}


@st.composite
def sessions(draw: st.DrawFn) -> Manifest:
    """Draw a session."""
    spec, status = draw(SPECS), draw(STATUSES)
    if draw(_mostly(True, False)):
        chosen = {key: spec[key] for key in spec if key not in ("session", "sessionType", "hibernated")}
        spec = {**draw(st.sampled_from(_KNOWN)).spec(), "culling": draw(_cullings()), **chosen}
    if draw(_often):
        since = {"idle": True, "idleSince": draw(odd.times), "failingSince": draw(odd.times)}
        status = {**status, "state": "Running", "runID": RUN_ID, **since}
    metadata = {
        "annotations": {names.ANNOTATION_BUSY_UNTIL: draw(st.one_of(odd.times, odd.texts))},
        "managedFields": [{"manager": draw(odd.texts), "time": draw(odd.times), "fieldsV1": {"f:spec": draw(_FIELDS)}}],
        "deletionTimestamp": draw(odd.times),
        "finalizers": [names.FINALIZER],
    }
    return of(spec, status, **{key: value for key, value in metadata.items() if draw(st.integers(0, 4)) == 0})


@st.composite
def _cullings(draw: st.DrawFn) -> Manifest:
    """Draw limits, of which some are odd."""
    limits = {f"max{each}": draw(_mostly("1h", "2 days", "0s")) for each in _LIMITS}
    return limits if draw(_often) else {**limits, "lastInteraction": draw(odd.times)}


_FIELDS: st.SearchStrategy[Manifest] = st.one_of(
    st.just({"f:hibernated": {}}), st.dictionaries(odd.texts, odd.anything, max_size=2)
)


@st.composite
def children(draw: st.DrawFn, kind: str) -> tuple[str, Manifest]:
    """Draw a child of a kind, or a pod: mostly with the name and the owner that it should have."""
    its_name = {"Secret": names.internal_secret(KEY[1]), "Pod": "demo-0"}.get(kind, KEY[1])
    owner = draw(_mostly(WORKLOAD_UID if kind == "Pod" else UID, "another"))
    metadata: Manifest = {
        "name": draw(_mostly(its_name, "demo-ds-0", "other")),
        "namespace": KEY[0],
        "uid": draw(_mostly(WORKLOAD_UID if kind in ("StatefulSet", "Job") else kind, "another")),
        "resourceVersion": "7",
        "generation": draw(st.integers(0, 2)),
        "creationTimestamp": STARTED,
        "labels": names.selector_labels(KEY[1]),
        "annotations": draw(_annotations()),
        "ownerReferences": [{"kind": names.KIND, "name": KEY[1], "uid": owner, "controller": True}],
    }
    if draw(st.integers(0, 4)) == 0:
        metadata["deletionTimestamp"] = draw(odd.times)
    parts = {part: draw(_holed(schema)) for part, schema in kube_schemas.KINDS[kind].items()}
    if kind == "Pod" and draw(_often):
        parts = draw(_likely_pods())
    if kind in ("StatefulSet", "Job") and draw(_often):
        parts["spec"] = {**statefulset()["spec"], "suspend": False}
    if kind == "PersistentVolumeClaim" and draw(_often):
        metadata["annotations"][names.ANNOTATION_RCLONE_SECRET] = draw(st.one_of(st.just("a"), odd.texts))
    return kind, {"metadata": metadata, **parts}


def _mostly(usual: T, *odd_ones: T) -> st.SearchStrategy[T]:
    return st.sampled_from([usual] * 6 + [*odd_ones])


@st.composite
def _likely_pods(draw: st.DrawFn) -> Manifest:
    """Draw a pod of the containers that sessions have, in odd states."""
    states = st.one_of(odd.of(kube_schemas.STATE), st.builds(running, odd.times), st.just(running()))
    containers = [
        container(name, draw(states), ready=draw(_mostly(True, False)), last=draw(states), image=draw(odd.texts))
        for name in (names.CONTAINER_SESSION, names.CONTAINER_AUTHPROXY)
    ]
    conditions: list[Manifest] = draw(odd.of(kube_schemas.CONDITIONS))
    body = pod(*containers, conditions=[each for each in conditions if "type" in each], podIP="192.0.2.1")
    return {"spec": body["spec"], "status": {**body["status"], "phase": draw(_mostly("Running", "Pending", "Failed"))}}


@st.composite
def _annotations(draw: st.DrawFn) -> dict[str, str]:
    found: dict[str, str] = draw(st.dictionaries(odd.texts, odd.texts, max_size=1))
    if draw(_often):
        found[names.ANNOTATION_APPLIED] = draw(st.one_of(st.sampled_from(_RECORDS), odd.texts))
    if draw(_often):
        found[names.ANNOTATION_RUN_ID] = draw(st.one_of(st.just(RUN_ID), odd.texts))
    return found


@st.composite
def _holed(draw: st.DrawFn, schema: Manifest) -> Any:  # noqa: ANN401  (of any type)
    """Draw what a schema admits, now and then with a null in the place of something."""
    value = draw(odd.of(schema))
    if isinstance(value, dict) and value and draw(st.integers(0, 4)) == 0:
        value = {**value, draw(st.sampled_from(sorted(value))): None}
    return value


@st.composite
def _measurements(draw: st.DrawFn) -> Manifest:
    body: Manifest = draw(_holed(kube_schemas.MEASUREMENT))
    if draw(_often):
        body["metadata"] = {"namespace": KEY[0], "labels": names.selector_labels(KEY[1])}
        body["timestamp"] = "2026-11-22T13:59:00Z"
        body["containers"] = [
            {"name": names.CONTAINER_SESSION, "usage": {"cpu": draw(_mostly("1m", "1", *_QUANTITIES))}}
        ]
    return body


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw all that there is of one session."""
    door = {"last_request_time": "", "version": 1, "last_work_time": draw(st.one_of(odd.times, odd.texts))}
    kinds = draw(st.sets(st.sampled_from(sorted(kube_schemas.KINDS)), max_size=4)) | draw(
        _mostly({"StatefulSet", "Pod"}, {"Job", "Pod"}, {"Job", "Pod"}, set[str](), set[str]())
    )
    return World(
        draw(sessions()),
        tuple(draw(children(kind)) for kind in sorted(kinds)),
        tuple(draw(st.lists(_holed(kube_schemas.EVENT), max_size=2))),
        draw(_measurements()),
        draw(st.one_of(st.just(msgspec.json.encode(door)), st.binary(max_size=40))),
        draw(_mostly(False, True)),
    )
