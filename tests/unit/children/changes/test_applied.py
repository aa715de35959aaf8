"""Our record on a child decides about writes: what it forgets restarts sessions, what it adds to a pod does too."""

import pytest

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.changes import applied
from amalthea.children.changes.applied import Applied
from amalthea.children.changes.pod_template_changes import pod_spec_hash
from amalthea.children.manifests import children
from amalthea.children.pod.pod_template_inputs import pod_relevant
from amalthea.children.secret import Material
from amalthea.model.views import decoding
from amalthea.model.views.objects import ChildView, Metadata
from amalthea.testing.builders import SessionBuilder, session
from tests import recorded

FULL = session().with_token().with_ingress().with_spec(nodeSelector={"a": "b"}, culling={"maxAge": "8h"})


def manifests(builder: SessionBuilder) -> dict[str, Manifest]:
    made = children(builder.subject(), Material("t", "c"))
    return {manifest["kind"]: manifest for manifest in made}


def workload(builder: SessionBuilder) -> Manifest:
    made = manifests(builder)
    return made.get("StatefulSet") or made["Job"]


def child(annotation: str | None) -> ChildView:
    annotations = {} if annotation is None else {names.ANNOTATION_APPLIED: annotation}
    return ChildView(metadata=Metadata(annotations=annotations))


def test_a_record_is_read_back_as_it_was_written() -> None:
    for manifest in manifests(FULL).values():
        record = applied.describe(manifest, "the-wish")
        stamped = applied.stamped(manifest, record)
        view = child(stamped["metadata"]["annotations"][names.ANNOTATION_APPLIED])
        assert applied.read(view) == record


def test_a_record_stands_on_the_child_and_never_on_its_pod_template() -> None:
    for builder in (FULL, FULL.as_job()):
        manifest = workload(builder)
        stamped = applied.stamped(manifest, applied.describe(manifest))
        assert names.ANNOTATION_APPLIED in stamped["metadata"]["annotations"]
        assert stamped["spec"] == manifest["spec"]
        assert names.ANNOTATION_APPLIED not in manifest["metadata"]["annotations"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", '"text"', '{"v": "one"}', '{"labels": "a"}', '{"labels": [1]}', '{"a":' * 50_000],
    ids=["empty", "cut off", "null", "list", "text", "version of words", "labels as text", "numbers", "without end"],
)
def test_a_record_that_somebody_broke_counts_as_none(text: str) -> None:
    assert applied.read(child(text)) is None


def test_a_child_without_a_record_was_made_by_somebody_else() -> None:
    assert applied.read(child(None)) is None


@pytest.mark.parametrize("text", ['{"spec":"s","manifest":"m","labels":["a"]}', '{"v":99,"spec":"s","labels":["a"]}'])
def test_a_record_of_another_scheme_gives_our_keys_only(text: str) -> None:
    assert applied.read(child(text)) == Applied(labels=("a",))


def test_a_record_of_a_later_release_with_more_in_it_is_read() -> None:
    text = f'{{"v":{applied.SCHEME},"spec":"s","manifest":"m","more":[1]}}'

    assert applied.read(child(text)) == Applied(v=applied.SCHEME, spec="s", manifest="m")


ANOTHER_RUN: dict[str, SessionBuilder] = {
    "another run": SessionBuilder(**{**vars(FULL), "run_id": "01JDOTHER"}),
    "paused": FULL.hibernated(),
    "another place": FULL.with_spec(nodeSelector={"a": "c"}, tolerations=[{"operator": "Exists"}]),
}


@pytest.mark.parametrize("builder", ANOTHER_RUN.values(), ids=ANOTHER_RUN)
@pytest.mark.parametrize("as_job", [False, True], ids=["session", "job"])
def test_a_difference_from_run_to_run_is_not_a_change_of_the_manifest(builder: SessionBuilder, as_job: bool) -> None:
    one, other = (each.as_job() if as_job else each for each in (FULL, builder))

    assert applied.describe(workload(one)).manifest == applied.describe(workload(other)).manifest


def test_a_jobs_time_limit_is_not_a_change_of_the_manifest() -> None:
    one, other = FULL.as_job(), FULL.as_job().with_spec(culling={"maxAge": "9h"})

    assert applied.describe(workload(one)).manifest == applied.describe(workload(other)).manifest


def test_the_placement_of_a_pod_has_a_hash_of_its_own() -> None:
    one, other = applied.describe(workload(FULL)), applied.describe(workload(ANOTHER_RUN["another place"]))

    assert one.scheduling != other.scheduling
    assert applied.describe(manifests(FULL)["Service"]).scheduling == ""


CHANGES: dict[str, SessionBuilder] = {
    "image": FULL.with_session(image="example.org/lab:2"),
    "environment": FULL.with_env(("A", "1")),
    "label": FULL.with_spec(template={"metadata": {"labels": {"a": "b"}}}),
    "sidecars": FULL.with_settings(sidecars_image="renku/sidecars:2"),
    "another session of the same name": SessionBuilder(**{**vars(FULL), "uid": "another"}),
}


@pytest.mark.parametrize("builder", CHANGES.values(), ids=CHANGES)
def test_every_other_change_of_a_manifest_is_seen(builder: SessionBuilder) -> None:
    assert applied.describe(workload(FULL)).manifest != applied.describe(workload(builder)).manifest


def test_the_order_of_keys_is_not_a_change() -> None:
    assert applied.digest({"a": 1, "b": {"c": 2, "d": 3}}) == applied.digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert applied.digest(["a", "b"]) != applied.digest(["b", "a"])


def test_hashes_are_what_they_were_in_the_release_before() -> None:
    """Another hash of the same spec, in a release that also renders pods otherwise, would restart every session.

    Where it has to change, raise SCHEME: then the first pass notes the new hashes, and nobody restarts.
    """
    spec = recorded.load("token").made["spec"]

    assert applied.SCHEME == 2
    assert applied.digest({"port": 8000, "args": ["é"], "image": "example.org/lab:1"}) == "e7073b5e76880c07e33e39e3"
    assert pod_spec_hash(pod_relevant(spec)).spec_hash == "8e5b5f939d95e308f9092d91"


def test_a_record_is_small_and_holds_no_value_of_a_secret() -> None:
    secret = manifests(session().remote())["Secret"]
    text = applied.encode(applied.describe(secret))

    assert len(text) < 500
    assert not [value for value in secret["data"].values() if value in text]
    assert decoding.fingerprint(b"a") != decoding.fingerprint(b"b")
