"""Each tool gets the same builds, in an order in which each image finds those that it stands on."""

import subprocess
from collections.abc import Sequence

import pytest

from lab.images.images import IMAGES
from tools import images
from tools.kubectl import ToolError


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stand in for the tool, which is there and does all that it is asked; return what it was asked."""
    seen: list[list[str]] = []

    def run(command: Sequence[str], **_: object) -> "subprocess.CompletedProcess[str]":
        if list(command) == ["docker", "build", "--help"]:
            return subprocess.CompletedProcess(command, 0, stdout="      --secret list   Secret to expose to the build")
        if command[0] != "git":
            seen.append(list(command))
        return subprocess.CompletedProcess(command, 0, stdout="from git")

    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.delenv(images.OPTIONS, raising=False)
    return seen


def tags(commands: list[list[str]]) -> list[str]:
    return [command[command.index("--tag") + 1] for command in commands]


@pytest.mark.parametrize("tool", ["docker", "podman", "buildah"])
def test_an_image_is_built_after_those_that_it_stands_on(tool: str, commands: list[list[str]]) -> None:
    images.build("cloner", "example.org/cloner:1", tool)
    ours = [IMAGES[name].reference for name in ("base", "package", "sidecars")]
    assert tags(commands) == [*ours, "example.org/cloner:1"]
    assert all(command[:2] == [tool, "build"] for command in commands)
    assert f"SIDECARS={ours[2]}" in commands[-1]
    assert "--label=org.opencontainers.image.licenses=Apache-2.0" in commands[-1]
    assert not [word for word in commands[0] if word.startswith("BASE=")], "the Dockerfile's own default"


def test_another_debian_and_more_options_reach_the_build(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(images.OPTIONS, "--network=host --pull=never")
    images.build("operator", "example.org/operator:1", "docker", debian="example.org/debian:13")
    assert "BASE=example.org/debian:13" in commands[0]
    for command in commands:
        assert {"--network=host", "--pull=never"} <= set(command)


def test_a_tool_that_is_unknown_is_named_with_those_that_are_not(commands: list[list[str]]) -> None:
    with pytest.raises(ToolError, match="CONTAINER_TOOL is 'kaniko'; it can be docker, podman, buildah"):
        images.build("operator", "example.org/operator:1", "kaniko")
    assert commands == []


def test_a_docker_that_does_not_know_an_option_is_named_beforehand_with_the_remedy(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "docker_builds", lambda: False)
    with pytest.raises(ToolError, match="install its plugin buildx, or name another tool by CONTAINER_TOOL=podman"):
        images.build("operator", "example.org/operator:1", "docker")
    assert commands == []
    images.build("operator", "example.org/operator:1", "podman")
    assert commands


@pytest.mark.parametrize(
    ("name", "variable"), [("operator", "IMG"), ("sidecars", "SIDECARS_IMG"), ("cloner", "CLONER_IMG")]
)
@pytest.mark.parametrize("reference", ["", "a b", "example.org/Upper:1", "example.org/a:b:c", "https://example.org/a"])
def test_a_name_that_no_image_has_is_refused_before_anything_is_built(
    name: str, variable: str, reference: str, commands: list[list[str]]
) -> None:
    with pytest.raises(ToolError, match=f"{variable}='{reference}' does not name an image"):
        images.build(name, reference, "docker")
    with pytest.raises(ToolError, match=f"IMG='{reference}' does not name an image"):
        images.push(reference, "docker")
    assert commands == []


def buildx(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """Stand in for a docker command that answers `docker buildx bake --help` with `said`."""

    def run(command: Sequence[str], **_: object) -> "subprocess.CompletedProcess[str]":
        assert list(command) == ["docker", "buildx", "bake", "--help"]
        return subprocess.CompletedProcess(command, 0, stdout=said)

    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("subprocess.run", run)


def test_what_cannot_be_built_for_several_processors_is_named_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    buildx(monkeypatch, "Usage:  docker buildx bake [OPTIONS] [TARGET...]\n  --push  Shorthand for ...\n")
    images.check_buildx("IMG", "example.org/operator:1", "docker")
    with pytest.raises(ToolError, match="IMG='' does not name an image"):
        images.check_buildx("IMG", "", "docker")
    with pytest.raises(ToolError, match="CONTAINER_TOOL is 'podman'; only docker, with its plugin buildx"):
        images.check_buildx("IMG", "example.org/operator:1", "podman")


def test_a_docker_without_buildx_which_answers_with_its_own_help_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    buildx(monkeypatch, "Usage:  docker [OPTIONS] COMMAND\n")
    with pytest.raises(ToolError, match="no plugin buildx: install it"):
        images.check_buildx("IMG", "example.org/operator:1", "docker")
