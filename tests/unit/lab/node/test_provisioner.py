"""Claims get volumes of their own, keep them while they grow, and leave nothing on the disk when they go."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from lab.control_plane.api import ApiError
from lab.node import provisioner
from lab.node.provisioner import Provisioner


class FakeApi:
    """Keeps what is written; refuses what a test wants refused."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, dict[str, Any] | None]] = []

    def post(self, path: str, body: dict[str, Any]) -> None:
        self.written.append(("POST", path, body))

    def patch(self, path: str, body: dict[str, Any]) -> None:
        self.written.append(("PATCH", path, body))

    def delete(self, path: str) -> None:
        self.written.append(("DELETE", path, None))


def claim(**spec: object) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "work",
            "namespace": "one",
            "uid": "u1",
            "annotations": {"volume.kubernetes.io/storage-provisioner": provisioner.NAME},
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "hostpath",
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
        "status": {"phase": "Pending"},
    }


def bound(size: str) -> dict[str, Any]:
    made = claim(volumeName="pvc-u1", resources={"requests": {"storage": size}})
    return {**made, "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}


def volume(phase: str, made_by: str = provisioner.NAME) -> dict[str, Any]:
    annotations = {"pv.kubernetes.io/provisioned-by": made_by}
    return {"metadata": {"name": "pvc-u1", "annotations": annotations}, "status": {"phase": phase}}


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def provision(api: FakeApi, tmp_path: Path) -> Provisioner:
    return Provisioner(api, tmp_path)  # type: ignore[arg-type]  # a fake of the three verbs that it uses


def test_a_claim_gets_a_folder_before_its_volume_is_announced(
    api: FakeApi, provision: Provisioner, tmp_path: Path
) -> None:
    provision.claim_changed(claim())
    assert (tmp_path / "pvc-u1").is_dir()
    ((verb, path, body),) = api.written
    assert (verb, path) == ("POST", "/api/v1/persistentvolumes")
    assert body is not None
    assert body["spec"]["local"] == {"path": str(tmp_path / "pvc-u1")}
    assert body["spec"]["claimRef"]["uid"] == "u1"
    assert body["spec"]["capacity"] == {"storage": "1Gi"}
    assert body["spec"]["accessModes"] == ["ReadWriteOnce"]


@pytest.mark.parametrize("annotations", [{}, {"volume.kubernetes.io/storage-provisioner": "somebody.else"}])
def test_claims_of_other_provisioners_are_left_alone(
    api: FakeApi, provision: Provisioner, annotations: dict[str, str]
) -> None:
    theirs = bound("2Gi")
    theirs["metadata"]["annotations"] = annotations
    provision.claim_changed(theirs)
    waiting = claim()
    waiting["metadata"]["annotations"] = annotations
    provision.claim_changed(waiting)
    assert api.written == []


def test_a_claim_that_asks_for_more_gets_it(api: FakeApi, provision: Provisioner) -> None:
    provision.claim_changed(bound("2Gi"))
    capacity = {"capacity": {"storage": "2Gi"}}
    assert api.written == [
        ("PATCH", "/api/v1/persistentvolumes/pvc-u1", {"spec": capacity}),
        (
            "PATCH",
            "/api/v1/namespaces/one/persistentvolumeclaims/work/status",
            {"status": {**capacity, "conditions": None}},
        ),
    ]


def test_a_claim_that_has_what_it_wants_costs_nothing(api: FakeApi, provision: Provisioner) -> None:
    provision.claim_changed(bound("1Gi"))
    assert api.written == []


def test_a_volume_goes_with_its_claim_and_its_files_go_first(
    api: FakeApi, provision: Provisioner, tmp_path: Path
) -> None:
    (tmp_path / "pvc-u1").mkdir()
    (tmp_path / "pvc-u1/file").touch()
    provision.volume_changed(volume("Released"))
    assert not (tmp_path / "pvc-u1").exists()
    assert api.written == [("DELETE", "/api/v1/persistentvolumes/pvc-u1", None)]


@pytest.mark.parametrize("kept", [volume("Bound"), volume("Available"), volume("Released", made_by="somebody.else")])
def test_a_volume_in_use_and_those_of_others_are_kept(
    api: FakeApi, provision: Provisioner, tmp_path: Path, kept: dict[str, Any]
) -> None:
    (tmp_path / "pvc-u1").mkdir()
    provision.volume_changed(kept)
    assert (tmp_path / "pvc-u1").exists()
    assert api.written == []


class EndedError(Exception):
    """Ends what would go on forever."""


class OneEvent:
    """A watch that yields one claim each time it is opened, and cannot be opened a third time."""

    def __init__(self) -> None:
        self.opened = 0

    def watch(self, _path: str) -> list[dict[str, Any]]:
        self.opened += 1
        if self.opened == 3:
            raise EndedError
        return [{"type": "ADDED", "object": claim()}, {"type": "DELETED", "object": claim()}]


def test_what_failed_comes_again_and_what_was_done_already_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provisioner, "RECONNECT_DELAY", 0)
    answers = [ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "no"), ApiError(HTTPStatus.CONFLICT, "there already")]
    seen: list[str] = []

    def changed(found: dict[str, Any]) -> None:
        seen.append(found["metadata"]["name"])
        raise answers.pop(0)

    with pytest.raises(EndedError):
        provisioner.follow(OneEvent(), "/claims", changed)  # type: ignore[arg-type]  # it only watches
    assert seen == ["work", "work"]
    assert answers == []
