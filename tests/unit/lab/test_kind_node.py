"""The node image of kind is made from kind's own module: a version of it that has changed is told, not guessed at."""

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab.docker import runtime as docker_runtime
from lab.kind import node_context, node_image, program_images
from lab.kind.program_images import ProgramImage
from lab.programs.gobuild import BuildError

STORAGE = """\
package nodeimage

const storageProvisionerImage = "docker.io/kindest/provisioner:v1"
const storageHelperImage = "docker.io/kindest/helper:v2"

const defaultStorageManifest = `
apiVersion: apps/v1
image: ` + storageProvisionerImage + `
args: [` + storageHelperImage + `]
`
"""
CONTAINERD = """\
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  restrict_oom_score_adj = false
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The files of kind's module that are read."""
    for name, text in (
        ("pkg/build/nodeimage/const_storage.go", STORAGE),
        ("images/base/files/etc/containerd/config.toml", CONTAINERD),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_storage_of_kind_runs_the_images_that_it_names(sources: Path) -> None:
    provisioner, helper, manifest = node_context.storage_of(sources)
    assert (provisioner, helper) == ("docker.io/kindest/provisioner:v1", "docker.io/kindest/helper:v2")
    assert manifest == f"apiVersion: apps/v1\nimage: {provisioner}\nargs: [{helper}]\n"


def test_containerd_has_the_pause_image_that_is_there_and_asks_for_no_capability_too_many(sources: Path) -> None:
    text = node_context.containerd_configuration(sources, "pause:9")
    assert 'sandbox_image = "pause:9"' in text
    assert "restrict_oom_score_adj = true" in text
    assert 'config_path = "/etc/containerd/certs.d"' in text


@pytest.mark.parametrize("lost", ["sandbox_image", "restrict_oom_score_adj"])
def test_a_configuration_that_kind_has_changed_is_told(sources: Path, lost: str) -> None:
    file = sources / "images/base/files/etc/containerd/config.toml"
    file.write_text(file.read_text().replace(lost, "renamed"))
    with pytest.raises(BuildError, match="not the one that its node image was written for"):
        node_context.containerd_configuration(sources, "pause:9")


def test_an_image_of_one_program_is_what_docker_saves(tmp_path: Path) -> None:
    program = tmp_path / "coredns"
    program.write_text("a program")
    archives = [tmp_path / "first.tar", tmp_path / "second.tar"]
    for target in archives:
        program_images.write(target, [ProgramImage("example.org/dns:1", program)])
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as archive:
        (image,) = json.loads(_read(archive, "manifest.json"))
        assert image["RepoTags"] == ["example.org/dns:1"]
        assert json.loads(_read(archive, image["Config"]))["config"]["Entrypoint"] == ["/usr/local/bin/coredns"]
        with tarfile.open(fileobj=archive.extractfile(image["Layers"][0])) as layer:
            (file,) = layer.getmembers()
            assert (file.name, file.mode) == ("usr/local/bin/coredns", 0o755)
            assert _read(layer, file.name) == b"a program"


def test_the_name_of_the_node_image_changes_with_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = node_image.reference()
    assert node_image.reference() == before
    monkeypatch.setattr(node_image, "PACKAGES", (*node_image.PACKAGES, "another"))
    assert node_image.reference() != before


@pytest.mark.parametrize(
    ("bounding", "all_of_them"), [("000001fffeffffff", False), ("000001ffffffffff", True)], ids=["one less", "all"]
)
def test_docker_has_another_runtime_only_where_a_capability_is_missing(bounding: str, *, all_of_them: bool) -> None:
    assert docker_runtime.can_give_all(f"Name:\tx\nCapBnd:\t{bounding}\n") == all_of_them


@pytest.mark.parametrize("option", ["--bundle", "--process"])
@pytest.mark.parametrize("place", ["first", "last", "alone"])
def test_the_other_runtime_drops_one_capability_and_is_runc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, place: str
) -> None:
    """The lists stay JSON wherever in them it stood."""
    lists = {
        "first": ["CAP_SYS_RESOURCE", "CAP_CHOWN"],
        "last": ["CAP_CHOWN", "CAP_SYS_RESOURCE"],
        "alone": ["CAP_SYS_RESOURCE"],
    }
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"bounding": lists[place], "args": ["x"]}, separators=(",", ":")))
    (tmp_path / "runc").write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\n')
    (tmp_path / "runc").chmod(0o755)
    monkeypatch.setattr(docker_runtime, "can_give_all", lambda _: False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    given = {"--bundle": tmp_path, "--process": file}[option]
    (added, _) = docker_runtime.options(tmp_path)
    _run(added.partition("=")[2].partition("=")[2], "--root", "/x", "create", option, str(given), "id")
    assert (tmp_path / "asked").read_text() == f"--root /x create {option} {given} id\n"
    assert json.loads(file.read_text()) == {"bounding": [] if place == "alone" else ["CAP_CHOWN"], "args": ["x"]}


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
