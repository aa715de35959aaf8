"""A patch must do what it says on the object that is there, or nothing: half a change is worse than none."""

from typing import Any

import msgspec
import pytest

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.changes import applied, patches
from amalthea.children.changes.applied import Applied
from amalthea.children.manifests import children
from amalthea.children.secret import Material
from amalthea.model.views import decoding
from amalthea.model.views.objects import ChildView
from amalthea.testing.api_server import patches as server
from amalthea.testing.builders import session

FULL = session().with_oidc().with_ingress(tlsSecret={"name": "tls"})
MANIFESTS = {manifest["kind"]: manifest for manifest in children(FULL.subject(), Material("t", "c"))}


def live(manifest: Manifest, **metadata: Any) -> Manifest:  # noqa: ANN401
    """Return an object as the API server keeps it."""
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": "7", **metadata}}


def view_of(body: Manifest) -> ChildView:
    return decoding.child(msgspec.json.encode(body))


def after_sections(body: Manifest, manifest: Manifest) -> Manifest:
    patched: Manifest = server.merge({}, server.apply(body, patches.sections(manifest)))
    return patched


def with_metadata(body: Manifest, wanted: Manifest, before: Applied | None) -> Manifest:
    operations = patches.metadata(view_of(body), wanted, before, applied.describe(wanted))
    metadata: Manifest = server.apply(body, operations)["metadata"]
    metadata["annotations"].pop(names.ANNOTATION_APPLIED)
    return metadata


@pytest.mark.parametrize("kind", MANIFESTS)
def test_every_section_that_we_own_becomes_what_the_manifest_says(kind: str) -> None:
    manifest = MANIFESTS[kind]
    sections = patches.OWNED[kind]
    empty = {name: {"stale": True} for name in sections}
    body = {**manifest, **(empty if kind == "Secret" else {"spec": {**manifest["spec"], **empty, "theirs": 1}})}

    patched = after_sections(live(body), manifest)

    if kind == "Secret":
        assert patched["data"] == manifest["data"]
    else:
        assert patched["spec"] == manifest["spec"] | {"theirs": 1}


def test_a_section_that_the_manifest_does_not_have_goes() -> None:
    manifest = {**MANIFESTS["Ingress"], "spec": {"rules": []}}

    assert "tls" not in after_sections(live(MANIFESTS["Ingress"]), manifest)["spec"]


def test_a_class_that_the_cluster_chose_stays_and_one_that_the_user_chose_is_written() -> None:
    chosen = live({**MANIFESTS["Ingress"], "spec": {"ingressClassName": "the-default"}})
    without = {**MANIFESTS["Ingress"], "spec": {"rules": []}}

    assert after_sections(chosen, without)["spec"]["ingressClassName"] == "the-default"
    assert after_sections(chosen, MANIFESTS["Ingress"])["spec"]["ingressClassName"] == "nginx"


def test_a_patch_fails_if_the_child_is_not_as_it_was_seen() -> None:
    body = live(MANIFESTS["Service"])
    guard = patches.guard(view_of(body))
    moved = live(MANIFESTS["Service"], resourceVersion="8")

    assert server.apply(body, [guard]) == body
    with pytest.raises(server.PatchError):
        server.apply(moved, [guard])


WANTED: Manifest = {
    "kind": "Service",
    "metadata": {"labels": {"app.kubernetes.io/name": "a"}, "annotations": {"renku.io/run": "1"}},
}
KEYS = Applied(labels=("app.kubernetes.io/name", "stale/label"), annotations=("stale~annotation",))


@pytest.mark.parametrize(
    ("labels", "annotations"),
    [
        (None, None),
        ({}, {}),
        ({"app.kubernetes.io/name": "other", "stale/label": "x"}, {"stale~annotation": "x"}),
        ({"theirs": "y"}, {"theirs": "y"}),
        ({"theirs": "y", "stale/label": "x"}, {"renku.io/run": "1"}),
    ],
    ids=["none at all", "empty", "ours", "only theirs", "both"],
)
def test_our_keys_are_set_ours_of_before_go_and_others_stay(
    labels: Manifest | None, annotations: Manifest | None
) -> None:
    present = {k: v for k, v in {"labels": labels, "annotations": annotations}.items() if v is not None}
    body = {"kind": "Service", "metadata": {"resourceVersion": "7", **present}}

    metadata = with_metadata(body, WANTED, KEYS)

    theirs = {"theirs": "y"}
    assert metadata["labels"] == WANTED["metadata"]["labels"] | (theirs if labels and "theirs" in labels else {})
    kept = theirs if annotations and "theirs" in annotations else {}
    assert metadata["annotations"] == WANTED["metadata"]["annotations"] | kept


def test_nothing_is_removed_from_a_child_without_a_record() -> None:
    body = {"kind": "Service", "metadata": {"labels": {"stale/label": "x"}, "annotations": {"stale~annotation": "x"}}}

    metadata = with_metadata(body, WANTED, None)

    assert metadata["labels"]["stale/label"] == "x"
    assert metadata["annotations"]["stale~annotation"] == "x"


@pytest.mark.parametrize("present", [None, {}, {"theirs": "y"}], ids=["none at all", "empty", "theirs"])
def test_several_annotations_are_all_set(present: Manifest | None) -> None:
    body: Manifest = {"metadata": {} if present is None else {"annotations": present}}
    marks = {names.ANNOTATION_RUN_ID: "01JD", names.ANNOTATION_APPLIED: "{}"}

    annotated = server.apply(body, patches.annotate(view_of(body), marks))

    assert annotated["metadata"]["annotations"] == marks | (present or {})
    assert patches.annotate(view_of(body), {}) == []


@pytest.mark.parametrize(
    ("present", "differs"),
    [
        ({"labels": {"app.kubernetes.io/name": "a"}, "annotations": {"renku.io/run": "1"}}, False),
        ({"labels": {"app.kubernetes.io/name": "a", "b": "c"}, "annotations": {"renku.io/run": "1", "d": "e"}}, False),
        ({"labels": {"app.kubernetes.io/name": "b"}, "annotations": {"renku.io/run": "1"}}, True),
        ({"labels": {}, "annotations": {"renku.io/run": "1"}}, True),
        ({"labels": {"app.kubernetes.io/name": "a"}}, True),
    ],
    ids=["as ours", "with others'", "changed", "removed", "all annotations removed"],
)
def test_a_label_of_ours_that_somebody_changed_is_noticed(present: Manifest, differs: bool) -> None:
    assert patches.metadata_differs(view_of({"metadata": present}), WANTED) is differs
