"""A patch that says too little leaves stale fields in a status, one that says too much is a write for nothing."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amalthea.api.schema import Manifest
from amalthea.model.status.report import merge_patch
from amalthea.testing.api_server import patches

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is not a failure."""

names = st.sampled_from("abcd")
values = st.recursive(
    st.sampled_from([True, False, 0, 1, "", "x", "y"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(names, values, max_size=4)


@calm
@given(objects, objects)
def test_a_patch_turns_any_object_into_any_other(old: Manifest, new: Manifest) -> None:
    assert patches.merge(old, merge_patch(old, new)) == new


@calm
@given(objects)
def test_nothing_is_said_of_what_is_the_same(old: Manifest) -> None:
    assert merge_patch(old, dict(old)) == {}


def test_a_field_that_is_gone_is_removed_and_a_list_is_replaced_whole() -> None:
    old: Manifest = {"counts": {"ready": 1, "total": 2}, "since": "12:00", "conditions": ["a", "b"]}
    new: Manifest = {"counts": {"total": 2}, "conditions": ["b"]}

    assert merge_patch(old, new) == {"counts": {"ready": None}, "since": None, "conditions": ["b"]}
