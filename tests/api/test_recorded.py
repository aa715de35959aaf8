"""Our children of the seven recorded sessions, as a real API server stores them, are those of the Go operator."""

from dataclasses import replace

import msgspec
import pytest

from amalthea.api.names import API_VERSION, PLURAL
from amalthea.api.schema import Manifest
from amalthea.api.types import Spec
from amalthea.children.manifests import children
from amalthea.children.shared.subject import Subject
from lab.control_plane.control_plane import ControlPlane
from tests import recorded
from tests.api.paths import collection
from tests.recorded import Recorded


@pytest.mark.usefixtures("crd_installed")
@pytest.mark.parametrize("name", recorded.NAMES)
def test_no_session_of_the_go_operator_would_look_different(
    name: str, control_plane: ControlPlane, namespace: str
) -> None:
    theirs = recorded.load(name)
    subject = _created(theirs, control_plane, namespace)
    manifests = children(subject, theirs.material())
    for manifest in manifests:
        control_plane.api.post(collection(manifest["kind"], namespace), manifest)
    assert {(each["kind"], each["metadata"]["name"]) for each in manifests} == set(theirs.children)

    for kind, child in theirs.children:
        stored = control_plane.api.get(f"{collection(kind, namespace)}/{child}")
        ours = recorded.comparable(_as_recorded(stored, subject, theirs))
        found = recorded.by_path(recorded.differences(ours, recorded.comparable(theirs.children[kind, child])))
        assert found == theirs.expected_differences((kind, child), stored=True), f"{kind} {child}"


def test_every_listed_difference_is_one_of_a_recorded_child() -> None:
    for each in recorded.DIFFERENCES:
        assert each.child in recorded.load(each.session).children
        assert each.reason


def _created(theirs: Recorded, control_plane: ControlPlane, namespace: str) -> Subject:
    """Create the session, and return what our builders are given for it: its spec as the API server stored it."""
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}"
    session = control_plane.api.post(path, theirs.given)
    subject = theirs.subject(namespace, session["metadata"]["uid"])
    return replace(subject, spec=msgspec.convert(session["spec"], Spec))


def _as_recorded(stored: Manifest, subject: Subject, theirs: Recorded) -> Manifest:
    """Return a child with the recorded session's UID in place of the one that the session has here."""
    text = msgspec.json.encode(stored).decode().replace(subject.uid, theirs.uid)
    renamed: Manifest = msgspec.json.decode(text)
    return renamed
