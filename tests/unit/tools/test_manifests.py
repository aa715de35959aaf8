"""A misread image is deployed all the same; a typo that passes is found by the cluster only, in words of its own."""

import sys
from pathlib import Path

import pytest

from tools import cluster, manifests
from tools.kubectl import Kubectl, ToolError
from tools.manifests import image_entry, render


@pytest.mark.parametrize(
    ("image", "entry"),
    [
        ("operator", {"newName": "operator", "newTag": "latest"}),
        ("renku/operator:1.2", {"newName": "renku/operator", "newTag": "1.2"}),
        ("localhost:5001/a/b", {"newName": "localhost:5001/a/b", "newTag": "latest"}),
        ("127.0.0.1:5001/a/b:v0", {"newName": "127.0.0.1:5001/a/b", "newTag": "v0"}),
        ("reg:1/a@sha256:abc", {"newName": "reg:1/a", "digest": "sha256:abc"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_image_is_taken_apart(image: str, entry: dict[str, str]) -> None:
    assert image_entry(image) == {"name": "controller", **entry}


@pytest.mark.parametrize("image", ["", "a b", "Foo:bad", "registry/name:", ":tag"])
def test_what_is_not_an_image_is_refused_by_the_name_of_its_variable(image: str) -> None:
    with pytest.raises(ToolError, match=r"^IMG='.*' does not name an image; write it as registry/name:tag"):
        render(image)
    if image:
        with pytest.raises(ToolError, match=r"^SIDECARS_IMG='"):
            render("registry/name:tag", image)


def test_an_overlay_that_is_not_there_is_named_with_those_that_are() -> None:
    every = "default, overlays/certmanager, overlays/network-policy, overlays/prometheus"
    for folder in ("nosuch", "", "crd"):
        with pytest.raises(ToolError, match=rf"^OVERLAY={folder} is not there; choose one of {every}"):
            render(folder=folder)


def test_the_installer_says_what_is_wrong_in_one_line() -> None:
    with pytest.raises(SystemExit, match=r"^make build-installer: IMG='a b' does not name"):
        manifests.main(["--image=a b"])


def failing(folder: Path) -> Kubectl:
    """Return a kubectl whose cluster is away, as the real one says so."""
    program = folder / "kubectl"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "if sys.argv[1] == 'kustomize': print('kind: Deployment')\n"
        "elif sys.argv[1] != 'version': sys.exit('The connection to the server localhost:8080 was refused')\n"
    )
    program.chmod(0o755)
    return Kubectl(str(program), "")


@pytest.mark.parametrize("arguments", [["install"], ["deploy", "--image=registry/name:tag"]], ids=lambda each: each[0])
def test_without_a_cluster_it_is_said_that_none_answers(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = failing(tmp_path)
    monkeypatch.setattr(manifests, "Kubectl", lambda: kubectl)
    assert cluster.main(arguments, kubectl) == 1
    said = (
        f"make {arguments[0]}: no cluster answers (The connection to the server localhost:8080 was refused); name one"
    )
    assert capsys.readouterr().err.startswith(said)
