"""The children of a session, and the order in which they are made."""

from copy import deepcopy

import msgspec
import pytest

from amalthea.children.manifests import children
from amalthea.children.secret import draw
from amalthea.testing.builders import SessionBuilder, session
from tests.unit.children.cases import CASES

MATERIAL = draw(bytes)
WAY_IN = session().with_token().with_ingress().with_data_source("data", "s")

BUILDERS = [case.builder for case in CASES.values()]

KINDS: dict[str, tuple[SessionBuilder, list[str]]] = {
    "smallest": (session(), ["PersistentVolumeClaim", "Secret", "Service", "StatefulSet"]),
    "with a way in": (
        WAY_IN,
        ["PersistentVolumeClaim", "PersistentVolumeClaim", "Secret", "Service", "Ingress", "StatefulSet"],
    ),
    "hibernated": (
        WAY_IN.hibernated(),
        ["PersistentVolumeClaim", "PersistentVolumeClaim", "Secret", "Service", "StatefulSet"],
    ),
    "remote": (WAY_IN.remote(), ["PersistentVolumeClaim", "Secret", "Service", "Ingress", "StatefulSet"]),
    "job": (WAY_IN.as_job(), ["PersistentVolumeClaim", "PersistentVolumeClaim", "Secret", "Job"]),
}


@pytest.mark.parametrize(("builder", "kinds"), KINDS.values(), ids=KINDS)
def test_no_pod_is_made_before_what_it_needs(builder: SessionBuilder, kinds: list[str]) -> None:
    assert [child["kind"] for child in children(builder.subject(), MATERIAL)] == kinds


@pytest.mark.parametrize("builder", BUILDERS, ids=CASES)
def test_the_same_session_has_the_same_manifests_to_the_byte(builder: SessionBuilder) -> None:
    assert _encoded(builder) == _encoded(builder)


@pytest.mark.parametrize("builder", BUILDERS, ids=CASES)
def test_building_children_leaves_the_session_as_it_was(builder: SessionBuilder) -> None:
    subject = builder.subject()
    before = deepcopy(subject)
    children(subject, MATERIAL)
    assert subject == before


def test_the_order_of_a_users_labels_changes_nothing() -> None:
    one, other = (
        {"metadata": {"labels": dict(pairs)}} for pairs in ([("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")])
    )
    assert _encoded(session().with_spec(template=one)) == _encoded(session().with_spec(template=other))


def _encoded(builder: SessionBuilder) -> bytes:
    return msgspec.json.encode(children(builder.subject(), MATERIAL))
