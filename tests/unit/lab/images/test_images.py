"""An image is built when something that goes into it has changed, and only then."""

import re
import shutil
from pathlib import Path

import pytest

from lab.base import cache
from lab.base.progress import Progress
from lab.base.project import PROJECT
from lab.images import builders, images
from lab.images.builders import Recipe


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of everything that goes into the images."""
    copy = tmp_path / "project"
    for image in images.IMAGES.values():
        for file in image.files():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / file, copy / file)
    return copy


class FakeBuilder:
    """Writes the image's name instead of an image."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.contexts: list[set[str]] = []

    def debian(self, _progress: Progress) -> None:
        """Nothing needs to be made."""

    def build(self, recipe: Recipe, target: Path) -> None:
        self.built.append(recipe.reference)
        files = (path.relative_to(recipe.context) for path in recipe.context.rglob("*") if path.is_file())
        self.contexts.append({str(path) for path in files})
        target.write_text(recipe.reference)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMALTHEA_LAB_CACHE", str(tmp_path / "cache"))
    return cache.root()


def test_each_dockerfile_exists_and_takes_what_it_uses_as_arguments() -> None:
    for image in images.IMAGES.values():
        text = (PROJECT / image.dockerfile).read_text()
        arguments = {used.upper() for used in image.uses} or {"BASE"}
        assert arguments == set(re.findall(r"^ARG (\w+)=", text, re.MULTILINE)), image.name
        assert arguments == set(re.findall(r"^FROM \$\{(\w+)\}", text, re.MULTILINE)), image.name


def test_no_dockerfile_is_for_one_kind_of_processor_only() -> None:
    for image in images.IMAGES.values():
        text = (PROJECT / image.dockerfile).read_text()
        assert not re.search(r"amd64|arm64|x86_64|aarch64|--platform", text), image.name


def test_each_image_is_given_every_file_that_its_dockerfile_copies() -> None:
    for image in images.IMAGES.values():
        lines = (PROJECT / image.dockerfile).read_text().splitlines()
        copied = [
            word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]
        ]
        given = {str(path) for file in image.files() for path in (file, *file.parents)}
        given |= {f"programs/{program}" for program in image.programs}
        assert {name for name in copied if not name.startswith("--")} <= given, image.name


def test_a_key_stays_while_nothing_changes(project: Path) -> None:
    image = images.IMAGES["operator"]
    before = image.key(project)
    (project / "src/amalthea/__pycache__").mkdir()
    (project / "src/amalthea/__pycache__/main.cpython-313.pyc").write_bytes(b"compiled")
    assert image.key(project) == before


@pytest.mark.parametrize("changed", ["src/amalthea/main.py", "requirements/operator.txt", "images/base/packages.txt"])
def test_a_key_changes_with_code_requirements_and_base(project: Path, changed: str) -> None:
    image = images.IMAGES["operator"]
    before = image.key(project)
    with (project / changed).open("a") as file:
        file.write("\n")
    assert image.key(project) != before


def test_a_key_changes_with_a_file_that_is_no_longer_executable(project: Path) -> None:
    image = images.IMAGES["probe"]
    before = image.key(project)
    (project / "images/probe/probe.py").chmod(0o644)
    assert image.key(project) != before


def test_a_key_changes_with_a_file_that_is_renamed(project: Path) -> None:
    image = images.IMAGES["operator"]
    before = image.key(project)
    (project / "src/amalthea/main.py").rename(project / "src/amalthea/other.py")
    assert image.key(project) != before


@pytest.mark.usefixtures("own_cache")
def test_an_unchanged_image_is_built_once_and_its_base_before_it() -> None:
    builder = FakeBuilder()
    first = images.archive("probe", Progress(), builder)
    assert images.archive("probe", Progress(), builder) == first
    assert builder.built == ["docker.io/amalthea/base:dev", "docker.io/amalthea/probe:dev"]
    assert first.read_text() == "docker.io/amalthea/probe:dev"


@pytest.mark.usefixtures("own_cache")
def test_what_several_images_use_is_built_once() -> None:
    builder = FakeBuilder()
    images.archive("cloner", Progress(), builder)
    images.archive("operator", Progress(), builder)
    assert [reference.split("/")[-1] for reference in builder.built] == [
        "base:dev",
        "package:dev",
        "sidecars:dev",
        "cloner:dev",
        "operator:dev",
    ]


@pytest.mark.usefixtures("own_cache")
def test_an_image_sees_its_own_inputs_only() -> None:
    builder = FakeBuilder()
    images.archive("probe", Progress(), builder)
    assert builder.contexts[1] == {"images/probe/Dockerfile", "images/probe/probe.py"}


def test_old_builds_do_not_fill_the_disk(own_cache: Path) -> None:
    folder = own_cache / "image-probe"
    for number in range(5):
        (folder / f"dev-old{number}").mkdir(parents=True)
    images.archive("probe", Progress(), FakeBuilder())
    builds = {path.name for path in folder.iterdir() if path.is_dir()}
    assert len(builds) == images.KEPT_ARCHIVES
    assert images.IMAGES["probe"].key() in builds


def test_the_same_options_build_with_docker_and_with_buildah(tmp_path: Path) -> None:
    recipe = Recipe("docker.io/amalthea/probe:dev", tmp_path, "images/probe/Dockerfile", {})
    options = builders.build_options(recipe, {"BASE": "docker.io/amalthea/base:dev"})
    assert options[:6] == [
        "--tag",
        "docker.io/amalthea/probe:dev",
        "--file",
        f"{tmp_path}/images/probe/Dockerfile",
        "--build-arg",
        "BASE=docker.io/amalthea/base:dev",
    ]
    assert options[-1] == str(tmp_path)


def test_pip_trusts_the_machines_authorities_and_the_image_does_not_keep_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorities = tmp_path / "ca.crt"
    recipe = Recipe("x", tmp_path, "Dockerfile", {})
    monkeypatch.setattr(builders, "AUTHORITIES", authorities)
    assert "--secret" not in builders.build_options(recipe, {})
    authorities.touch()
    options = builders.build_options(recipe, {})
    assert options[options.index("--secret") + 1] == f"id=ca,src={authorities}"
    assert options[options.index("--build-arg") + 1] == "PIP_CERT=/run/secrets/ca"


def test_a_debian_is_made_from_the_packages_that_the_base_names(tmp_path: Path) -> None:
    command = builders.debootstrap_command(["ca-certificates", "python3"], tmp_path / "root.tar")
    assert "--include=ca-certificates,python3" in command
    assert command[-2:] == ["trixie", f"{tmp_path}/root.tar"]


def test_without_an_engine_docker_is_not_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not builders.docker_answers()
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    assert not builders.docker_answers()


@pytest.mark.parametrize(
    ("helped", "builds"),
    [("--secret stringArray   Secret to expose to the build", True), ("--tag list", False)],
    ids=["BuildKit", "the old builder"],
)
def test_a_docker_command_that_knows_no_secrets_builds_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, helped: str, *, builds: bool
) -> None:
    """It answers, but each of our Dockerfiles would end with `unknown flag: --secret`."""
    docker = tmp_path / "docker"
    docker.write_text(
        f'#!/bin/sh\n[ "$DOCKER_BUILDKIT" = 1 ] && [ "$1 $2" = "build --help" ] && echo "{helped}"\nexit 0\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert builders.docker_answers()
    assert builders.docker_builds() == builds
