"""Images that somebody builds with a Docker engine and pushes to a registry are what a cluster can run, and small."""

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import amalthea
from lab.base import system
from lab.base.progress import Progress
from lab.docker.engine import Engine
from lab.images.builders import Buildah

Make = Callable[..., str]
pytestmark = pytest.mark.timeout(900)
MB = 1_000_000
MOST = {"operator": 60 * MB, "sidecars": 120 * MB}
"""Compressed bytes, as a node downloads them."""
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture(scope="module")
def references(engine: Engine, make: Make) -> dict[str, str]:
    """Build the three images by the targets that the README names, push them, and return their names."""
    names = {name: f"{engine.registry}/amalthea/{name}:test" for name in ("operator", "sidecars", "cloner")}
    make("docker-build", "docker-push", f"IMG={names['operator']}")
    make("docker-build-sidecars", f"SIDECARS_IMG={names['sidecars']}")
    make("docker-build-cloner", f"CLONER_IMG={names['cloner']}")
    for name in ("sidecars", "cloner"):
        make("docker-push", f"IMG={names[name]}")
    return names


def pushed(engine: Engine, name: str) -> dict[str, Any]:
    """Return what the registry has of an image: its manifest."""
    url = f"http://{engine.registry}/v2/amalthea/{name}/manifests/test"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFEST})) as answer:
        manifest: dict[str, Any] = json.load(answer)
    return manifest


@pytest.mark.parametrize("name", MOST)
def test_a_node_downloads_no_more_than_promised(engine: Engine, references: dict[str, str], name: str) -> None:
    assert references[name]
    size = sum(layer["size"] for layer in pushed(engine, name)["layers"])
    assert size <= MOST[name], f"{name}: {size / MB:.1f} MB compressed"


@pytest.mark.parametrize("name", ["operator", "sidecars", "cloner"])
def test_it_says_what_it_is_and_runs_as_nobody_special(engine: Engine, references: dict[str, str], name: str) -> None:
    (found,) = json.loads(engine.docker("image", "inspect", references[name]).stdout)
    labels = found["Config"]["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}version"] == amalthea.__version__
    assert labels[f"{prefix}licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}", labels[f"{prefix}revision"])
    assert found["Config"]["User"].partition(":")[0].isdecimal()
    assert found["Config"]["User"].partition(":")[0] != "0"


def run(engine: Engine, reference: str, *arguments: str, entry: str = "") -> tuple[int, str]:
    """Run an image as a pod does that is confined, and return its exit code and what it said."""
    confined = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
    options = (*confined, *([f"--entrypoint={entry}"] if entry else []))
    done = engine.docker("run", "--rm", *options, reference, *arguments, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["operator", "sidecars"])
def test_it_holds_nothing_to_build_programs_with(engine: Engine, references: dict[str, str], name: str) -> None:
    tools = "cc gcc g++ clang ld make cargo go pip pip3"
    _, found = run(engine, references[name], "-c", f"for each in {tools}; do command -v $each; done", entry="sh")
    assert found == ""


@pytest.mark.parametrize("entry", ["", "/manager"], ids=["entry point", "the Go operator's command"])
def test_arguments_alone_reach_the_operator(engine: Engine, references: dict[str, str], entry: str) -> None:
    code, said = run(engine, references["operator"], "--leader-elect", "--kubeconfig=/nowhere", entry=entry)
    assert code == 1
    assert "the operator cannot start" in said
    assert "/nowhere" in said
    code, said = run(engine, references["operator"], "--no-such-flag", entry=entry)
    assert code == 2
    assert "unrecognized arguments: --no-such-flag" in said


def test_the_other_programs_are_there(engine: Engine, references: dict[str, str]) -> None:
    assert run(engine, references["operator"], "--version") == (0, f"amalthea {amalthea.__version__}\n")
    assert amalthea.__version__ in run(engine, references["sidecars"], "version")[1]


def test_an_image_has_a_bill_of_materials(
    engine: Engine, make: Make, references: dict[str, str], tmp_path: Path
) -> None:
    make("sbom", f"IMG={references['operator']}", f"DIST={tmp_path}")
    text = (tmp_path / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = {each["purl"].partition("?")[0] for each in json.loads(text)["components"]}
    assert f"pkg:pypi/amalthea@{amalthea.__version__}" in found
    assert [each for each in found if each.startswith("pkg:pypi/aiohttp@")]
    assert [each for each in found if each.startswith("pkg:deb/debian/python3@")]
    assert engine.registry


def test_a_tool_that_is_not_there_is_named(make: Make) -> None:
    with pytest.raises(AssertionError, match="CONTAINER_TOOL is 'kaniko'; it can be docker, podman, buildah"):
        make("docker-build", "CONTAINER_TOOL=kaniko", "IMG=x")


@pytest.mark.parametrize("tool", ["buildah", "podman"])
def test_another_tool_builds_and_pushes_the_same(engine: Engine, make: Make, tmp_path: Path, tool: str) -> None:
    """Without an engine, in a storage of the test's own."""
    system.ensure((system.Package(tool, tool),), Progress())
    storage = f'[storage]\ndriver = "overlay"\ngraphroot = "{tmp_path}/images"\nrunroot = "{tmp_path}/run"\n'
    (tmp_path / "storage.conf").write_text(storage)
    registry = f'[[registry]]\nlocation = "{engine.registry}"\ninsecure = true\n'
    (tmp_path / "registries.conf").write_text(registry)
    settings = {
        "BUILDAH_ISOLATION": "chroot",
        "CONTAINERS_STORAGE_CONF": str(tmp_path / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(tmp_path / "registries.conf"),
    }
    debian = f"DEBIAN=docker-archive:{Buildah().debian(Progress())}"
    image = f"IMG={engine.registry}/amalthea/by-{tool}:test"
    make("docker-build", "docker-push", f"CONTAINER_TOOL={tool}", image, debian, **settings)
    reference = image.removeprefix("IMG=")
    engine.docker("pull", "--quiet", reference)
    assert run(engine, reference, "--version") == (0, f"amalthea {amalthea.__version__}\n")
