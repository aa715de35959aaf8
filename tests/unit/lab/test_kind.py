"""A kind cluster is the same as the lab's own node to everybody who uses it. No engine is needed here."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from amalthea import __version__
from lab.base import state
from lab.base.progress import Progress
from lab.base.system import MachineError
from lab.cluster import image_loaders
from lab.kind import cluster as kind
from lab.node import addons
from lab.programs import versions

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts programs on the path that note what they are asked and what they are given, and returns their notes."""
    folder, notes = tmp_path / "bin", tmp_path / "notes"
    folder.mkdir()
    notes.touch()
    monkeypatch.setenv("AMALTHEA_LAB_STATE", str(tmp_path / "state"))

    def install(**answers: str) -> Path:
        for name, answer in answers.items():
            program = folder / name
            program.write_text(
                f'#!/bin/sh\necho "{name} $*" >> {notes}\n'
                f'case "$*" in *--config=-*|*--filename=-*) /bin/cat > /dev/null;; esac\n{answer}\n'
            )
            program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return notes

    return install


def test_what_is_missing_is_said_with_the_other_way(install: Install) -> None:
    install(docker="exit 1", kubectl="", kind="")
    with pytest.raises(MachineError) as error:
        kind.up(Progress())
    assert "Missing here: a running Docker engine" in str(error.value)
    assert "sudo python -m lab up" in str(error.value)


def test_where_kind_is_not_installed_the_labs_own_is_used(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = install(docker="", kind="echo amalthea-lab", kubectl="")
    (notes.parent / "bin/kind").rename(notes.parent / "built")
    monkeypatch.setattr("lab.programs.binaries.path", lambda program: notes.parent / {"kind": "built"}[program])
    kind.up(Progress())
    assert "kind get clusters" in notes.read_text()


def test_a_node_image_is_made_only_where_that_of_kind_cannot_be_pulled(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.node.preflight.require_free_port", lambda _: None)
    monkeypatch.setattr("lab.kind.node_image.in_engine", lambda _: "own:1")
    monkeypatch.delenv(kind.NODE_IMAGE, raising=False)
    once = '[ -e "$0.tried" ] || { : > "$0.tried"; echo failed to pull image >&2; exit 1; }'
    notes = install(docker="", kind=f"case $1 in create) {once};; esac", kubectl="")
    images: list[str | None] = []
    monkeypatch.setattr(kind, "configuration", lambda _, image: images.append(image))
    kind.up(Progress())
    assert images == [None, "own:1"]
    assert len([line for line in notes.read_text().splitlines() if line.startswith("kind create")]) == 2


@pytest.mark.parametrize(
    ("chosen", "said"), [("named:1", "failed to pull image"), ("", "no space left")], ids=["named", "another reason"]
)
def test_for_another_failure_no_node_image_is_made(
    install: Install, monkeypatch: pytest.MonkeyPatch, chosen: str, said: str
) -> None:
    monkeypatch.setattr("lab.node.preflight.require_free_port", lambda _: None)
    monkeypatch.setattr("lab.kind.node_image.in_engine", lambda _: pytest.fail("made"))
    monkeypatch.setenv(kind.NODE_IMAGE, chosen)
    install(docker="", kind=f"case $1 in create) echo {said} >&2; exit 1;; esac", kubectl="")
    with pytest.raises(MachineError, match=said):
        kind.up(Progress())


def test_a_cluster_is_made_once_and_its_addons_are_waited_for(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.node.preflight.require_free_port", lambda _: None)
    notes = install(docker="", kind="", kubectl="")
    kind.up(Progress())
    lines = notes.read_text().splitlines()
    kubeconfig = f"--kubeconfig={state.kubeconfig('kind')}"
    assert f"kind create cluster --name amalthea-lab --config=- --wait=180s {kubeconfig}" in lines
    assert [line for line in lines if "rollout status" in line and "deployment/traefik" in line]
    assert (state.folder("kind") / "http-port").read_text() == "80"


def test_a_cluster_that_exists_is_used(install: Install) -> None:
    notes = install(docker="", kind="echo amalthea-lab", kubectl="")
    kind.up(Progress())
    lines = notes.read_text().splitlines()
    assert not [line for line in lines if "create" in line]
    assert [line for line in lines if line.startswith("kind export kubeconfig --name amalthea-lab")]


def test_images_go_where_the_cluster_is(install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    notes = install(docker="", kind="", kubectl="", ctr="exit 1")
    monkeypatch.setattr("lab.images.images.archive", lambda *_: tmp_path / "image.tar")
    with pytest.raises(MachineError, match="No cluster is up"):
        image_loaders.load(["probe"], Progress())
    kubeconfig = state.kubeconfig("kind")
    kubeconfig.parent.mkdir(parents=True)
    kubeconfig.touch()
    image_loaders.load(["probe"], Progress())
    noted = notes.read_text().splitlines()
    assert f"kind load image-archive {tmp_path}/image.tar --name amalthea-lab" in noted
    names = f"docker.io/amalthea/probe:dev docker.io/amalthea/probe:{__version__}"
    assert f"docker exec amalthea-lab-control-plane ctr --namespace=k8s.io images tag --force {names}" in noted


def test_images_for_kind_never_go_into_the_labs_own_node_that_is_up_as_well(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    notes = install(docker="", kind="", kubectl="", ctr="")
    monkeypatch.setattr("lab.images.images.archive", lambda *_: tmp_path / "image.tar")
    state.kubeconfig("kind").parent.mkdir(parents=True)
    state.kubeconfig("kind").touch()
    image_loaders.load(["probe"], Progress())
    assert [line.partition(" ")[0] for line in notes.read_text().splitlines()] == ["kind", "docker"]


def test_a_failing_command_is_named_with_what_it_said(install: Install) -> None:
    install(docker="", kind="echo no space left >&2; exit 1", kubectl="")
    with pytest.raises(MachineError, match=r"`kind get clusters` failed: no space left"):
        kind.up(Progress())


def test_sessions_open_at_the_same_address_and_from_this_machine_only() -> None:
    (node,) = kind.configuration(8080, None)["nodes"]
    assert node["extraPortMappings"] == [
        {"containerPort": 80, "hostPort": 8080, "listenAddress": "127.0.0.1", "protocol": "TCP"}
    ]


def test_owner_references_are_checked_as_on_the_labs_own_node() -> None:
    """kubeadm reads the flags as a map in one version of its configuration, and as a list in the next one."""
    patches = [json.loads(patch) for patch in kind.configuration(80, None)["kubeadmConfigPatches"]]
    flags = {patch["apiVersion"].rpartition("/")[2]: patch["apiServer"]["extraArgs"] for patch in patches}
    plugins = "NodeRestriction,OwnerReferencesPermissionEnforcement"
    assert flags == {
        "v1beta3": {"enable-admission-plugins": plugins},
        "v1beta4": [{"name": "enable-admission-plugins", "value": plugins}],
    }


def test_the_node_has_the_image_that_is_chosen() -> None:
    assert "image" not in kind.configuration(80, None)["nodes"][0]
    assert kind.configuration(80, "example.org/node:1")["nodes"][0]["image"] == "example.org/node:1"


def test_classes_have_the_same_names_as_on_the_labs_own_node() -> None:
    own = [*addons.storage_classes(), addons.ingress_class()]
    assert [one["metadata"] for one in kind.objects()] == [one["metadata"] for one in own]


def test_the_addons_run_the_versions_that_the_lab_runs() -> None:
    documents = list(yaml.safe_load_all(kind.manifests()))
    images = {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]["containers"][0]["image"]
        for document in documents
        if document["kind"] == "Deployment"
    }
    assert images["traefik"] == f"traefik:v{versions.TRAEFIK}"
    assert images["metrics-server"].endswith(f":v{versions.METRICS_SERVER}")
