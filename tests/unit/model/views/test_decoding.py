"""An unreadable object is not seen: a session of another release, or a kubelet's terse status, must not vanish."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import yaml

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.model.views import decoding
from amalthea.testing.observations import READY_AT, STARTED, job, observed, pod, statefulset
from tests import recorded


def encoded(body: Manifest) -> bytes:
    return json.dumps(body).encode()


DECODERS: dict[str, Any] = {
    names.KIND: decoding.session,
    "StatefulSet": decoding.statefulset,
    "Job": decoding.job,
    "Service": decoding.child,
    "Ingress": decoding.child,
    "PersistentVolumeClaim": decoding.claim,
    "Secret": decoding.secret,
}


@pytest.mark.parametrize("name", recorded.NAMES)
def test_everything_that_the_go_operator_left_behind_can_be_read(name: str) -> None:
    made = recorded.load(name)

    for (kind, child), body in made.children.items():
        view = DECODERS[kind](encoded(body))
        assert view.metadata.name == child
        assert view.metadata.belongs_to(made.uid)
    session = decoding.session(encoded(made.made))
    assert decoding.raw_spec(session) == made.made["spec"]
    assert session.status.state == made.made["status"]["state"]
    assert session.status.run_id == made.made["status"].get("runID")
    assert decoding.spec(session).session.image == made.made["spec"]["session"]["image"]


def test_a_recorded_workload_reads_as_what_it_is() -> None:
    token, batch = recorded.load("token"), recorded.load("job")
    statefulset_view = decoding.statefulset(encoded(token.children["StatefulSet", "token"]))
    job_view = decoding.job(encoded(batch.children["Job", "job"]))

    assert statefulset_view.awake
    assert statefulset_view.run_id == token.made["status"]["runID"]
    assert statefulset_view.template_annotated
    assert job_view.succeeded
    assert job_view.ended_at == datetime(2026, 11, 22, 13, 0, 3, tzinfo=UTC)
    assert job_view.spec.active_deadline_seconds == 8 * 3600


BARE = {"metadata": {"name": "demo", "namespace": "team", "uid": "1", "resourceVersion": "1"}}


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize(
    "body",
    [
        {},
        BARE,
        {**BARE, "spec": {}, "status": {}, "data": {}},
        {"metadata": {**BARE["metadata"], "labels": None, "annotations": None, "ownerReferences": [None]}},
        {**BARE, "somethingNew": {"of": ["the", "future"]}},
    ],
    ids=["nothing", "metadata only", "empty sections", "nulls", "unknown fields"],
)
def test_an_object_that_lacks_what_we_read_can_be_read(kind: str, body: Manifest) -> None:
    assert DECODERS[kind](encoded(body)).metadata.labels == {}


NULLS: Manifest = {
    **pod(),
    "status": {
        "phase": "Pending",
        "startTime": None,
        "conditions": [None, {"type": "Ready", "status": "False", "lastTransitionTime": None, "reason": None}],
        "containerStatuses": [
            None,
            {"name": "amalthea-session", "state": {}, "lastState": {}},
            {"name": "authproxy", "state": {"waiting": None}, "lastState": None},
            {"name": "tunnel", "state": {"running": {"startedAt": None}, "terminated": None}},
        ],
        "initContainerStatuses": None,
    },
}


def test_a_pod_with_nulls_and_empty_states_can_be_read() -> None:
    view = decoding.pod(encoded(NULLS))

    assert [status.name for status in view.status.container_statuses] == ["amalthea-session", "authproxy", "tunnel"]
    assert all(status.state.waiting is None for status in view.status.container_statuses)
    assert not view.ready


def test_a_pod_with_nulls_and_managed_fields_without_end_can_be_read() -> None:
    nested = "[" * 400 + "]" * 400
    body = encoded(NULLS).replace(b'"metadata": {', f'"metadata": {{"managedFields": {nested}, '.encode())
    assert decoding.pod(body).status.phase == "Pending"


def test_a_pod_whose_containers_are_null_can_be_read() -> None:
    assert decoding.pod(encoded({**pod(), "spec": {"containers": None}})).spec.containers == ()


OLDER_RELEASE = yaml.safe_load(
    """
    metadata: {name: demo, namespace: team, uid: u, resourceVersion: "1"}
    spec: {hibernated: false, session: {image: "example.org/lab:1", port: 8888}}
    status: {state: Running, containerCounts: {total: 1}, idle: false, oldField: 1}
    """
)


def test_a_session_of_an_older_release_is_local_interactive_and_without_run() -> None:
    session = decoding.session(encoded(OLDER_RELEASE))
    spec = decoding.spec(session)

    assert (spec.location, spec.session_type) == ("local", "Interactive")
    assert session.status.run_id is None
    assert session.status.container_counts is not None
    assert session.status.container_counts.ready == 0


@pytest.mark.parametrize(
    "status",
    [None, {"state": "Teleported"}, {"state": "Running", "conditions": [{"kind": "new"}]}, {"idle": "perhaps"}],
    ids=["null", "unknown state", "unknown conditions", "wrong type"],
)
def test_a_session_whose_status_cannot_be_read_is_not_lost(status: object) -> None:
    session = decoding.session(encoded({**OLDER_RELEASE, "status": status}))

    assert session.metadata.name == "demo"
    assert session.status.state == "NotReady"
    assert decoding.spec(session).session.port == 8888


def test_a_spec_that_cannot_be_read_is_an_error_that_names_the_field() -> None:
    session = decoding.session(encoded({**BARE, "spec": {"hibernated": True, "session": {"image": "a", "port": "x"}}}))

    with pytest.raises(msgspec.ValidationError, match=r"\$\.session\.port"):
        decoding.spec(session)
    assert decoding.wants_hibernation(session)


@pytest.mark.parametrize("spec", [{}, None, {"hibernated": None}, {"hibernated": "yes"}, {"hibernated": False}, []])
def test_no_pause_is_read_into_a_spec_that_does_not_say_so(spec: object) -> None:
    assert not decoding.wants_hibernation(decoding.session(encoded({**BARE, "spec": spec})))


def test_the_spec_of_a_session_does_not_hold_the_whole_answer_of_the_server_in_memory() -> None:
    answer = encoded({**OLDER_RELEASE, "padding": "x" * 100_000})
    before = sys.getrefcount(answer)

    session = decoding.session(answer)

    assert sys.getrefcount(answer) == before
    assert decoding.raw_spec(session) == OLDER_RELEASE["spec"]


def test_an_edit_of_what_we_own_changes_the_fingerprint_and_nothing_else_does() -> None:
    body = statefulset()
    first = decoding.statefulset(encoded(body)).fingerprint

    body["status"] = {"readyReplicas": 1}
    body["metadata"]["annotations"] = {"somebody": "else"}
    body["spec"]["replicas"] = 0
    assert decoding.statefulset(encoded(body)).fingerprint == first

    body["spec"]["template"]["spec"] = {"containers": [{"name": "miner"}]}
    assert decoding.statefulset(encoded(body)).fingerprint != first


@pytest.mark.parametrize(
    ("template", "annotated"),
    [
        ({}, False),
        ({"metadata": {}}, False),
        ({"metadata": {"annotations": None}}, False),
        ({"metadata": {"annotations": {}}}, True),
        ({"metadata": {"annotations": {"a": "b"}}}, True),
    ],
)
def test_it_is_known_whether_a_template_has_annotations_to_add_to(template: Manifest, annotated: bool) -> None:
    body = {**statefulset(), "spec": {"template": template}}

    assert decoding.statefulset(encoded(body)).template_annotated is annotated


def test_a_secret_does_not_show_its_values() -> None:
    secret = decoding.secret(encoded({**BARE, "data": {"WSTUNNEL_SECRET": "c2VjcmV0"}}))

    assert secret.data == {"WSTUNNEL_SECRET": "c2VjcmV0"}
    assert "c2VjcmV0" not in repr(secret)


def test_a_job_shows_when_it_ended_in_both_ways() -> None:
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": READY_AT}
    ended = decoding.job(encoded(job(failed)))

    assert ended.finished
    assert not ended.succeeded
    assert ended.ended_at == datetime(2026, 11, 22, 13, 0, 40, tzinfo=UTC)


def test_a_session_counts_as_paused_though_its_spec_cannot_be_read() -> None:
    seen = observed()
    broken = decoding.session(encoded({**BARE, "spec": {"hibernated": True}}))

    assert not seen.hibernated
    assert type(seen)(session=broken, spec=None, spec_error="no session").hibernated


def test_errors_in_the_status_of_a_child_are_read_as_its_faults() -> None:
    failed = {"type": "NodeResizeError", "status": "True", "message": "no room"}
    over = {"type": "ControllerResizeError", "status": "False", "message": "it was full"}
    resizing = {"type": "Resizing", "status": "True", "message": "on its way"}
    balancer = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ports": [{"port": 443, "error": "NoCertificate"}]}]}}

    claim = decoding.claim(encoded({**BARE, "status": {"phase": "Pending", "conditions": [failed, over, resizing]}}))
    ingress = decoding.child(encoded({**BARE, "status": balancer}))

    assert (claim.faults, claim.pending) == (("no room",), True)
    assert ingress.faults == ("NoCertificate",)
    assert decoding.child(encoded({**BARE, "status": {"loadBalancer": {}}})).faults == ()


@pytest.mark.parametrize(
    ("times", "last"),
    [
        ({"lastTimestamp": READY_AT, "eventTime": None}, READY_AT),
        ({"lastTimestamp": None, "eventTime": "2026-11-22T13:00:40.000000Z"}, READY_AT),
        ({"eventTime": STARTED, "series": {"count": 2, "lastObservedTime": READY_AT}}, READY_AT),
        ({"metadata": {"creationTimestamp": READY_AT}}, READY_AT),
        ({}, "0001-01-01T00:00:00Z"),
    ],
    ids=["core", "events.k8s.io", "came again", "no time", "nothing"],
)
def test_both_event_apis_give_the_last_time(times: Manifest, last: str) -> None:
    assert decoding.event(encoded({"reason": "FailedMount", **times})).last == datetime.fromisoformat(last)
