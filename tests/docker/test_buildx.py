"""An image that is built for several kinds of processors is pulled by each of them as its own, and runs there."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import amalthea
from lab.base.progress import Progress
from lab.docker import buildx as docker_buildx
from lab.docker import emulation
from lab.docker.buildx import Buildx
from lab.docker.engine import Engine
from tests.docker.conftest import ROOT

Make = Callable[..., str]
pytestmark = pytest.mark.timeout(1800)
NAMES = ("operator", "sidecars", "cloner", "jupyterlab", "probe")
HOLDER = """
from lab.base.progress import Progress
from lab.docker import emulation
with emulation.of_arm64(Progress()):
    print("up", flush=True)
    input()
"""


@pytest.fixture(scope="module")
def buildx(engine: Engine) -> Buildx:
    return docker_buildx.install(engine, Progress())


@pytest.fixture(scope="module")
def publish(make: Make, buildx: Buildx, authorities: Path) -> Callable[..., None]:
    """Run a target with an SBOM and provenance, as is the default; what is built trusts what this machine trusts."""
    trust = {"CA": str(authorities), "PIP_CERT": "/run/secrets/ca"}
    scanner = docker_buildx.push_scanner(buildx, Progress())
    attested = f"ATTESTATIONS=type=sbom,generator={scanner} type=provenance,mode=max"

    def publish(target: str, *words: str) -> None:
        make(target, attested, *words, **buildx.environment, **trust)

    return publish


@pytest.fixture
def emulated() -> Iterator[None]:
    with emulation.of_arm64(Progress()):
        yield


def mounted() -> str:
    return Path("/proc/self/mountinfo").read_text()


def runs_as(engine: Engine, image: str, architecture: str) -> str:
    """Pull an image anew for a kind of processor, run the operator, and return what the kernel calls the processor."""
    platform = f"--platform=linux/{architecture}"
    engine.docker("rmi", "--force", image, check=False)
    engine.docker("pull", "--quiet", platform, image)
    confined = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
    run = ("run", "--rm", platform, *confined)
    assert engine.docker(*run, image, "--version").stdout == f"amalthea {amalthea.__version__}\n"
    assert "--leader-elect" in engine.docker(*run, image, "operator", "--help").stdout
    return engine.docker(*run, "--entrypoint=uname", image, "-m").stdout.strip()


def attested(buildx: Buildx, image: str, what: str) -> dict[str, Any]:
    """Return an image's attestations of one kind: of each processor where there are several."""
    inspected = buildx.docker("buildx", "imagetools", "inspect", image, f"--format={{{{json .{what}}}}}")
    found: dict[str, Any] = json.loads(inspected)
    return found


def packages(sbom: dict[str, Any]) -> dict[str, str]:
    """Return the version of each package that an SBOM names."""
    return {package["name"]: package.get("versionInfo", "") for package in sbom["SPDX"]["packages"]}


def test_each_image_of_a_release_is_pushed_with_an_sbom_that_names_what_it_holds(
    engine: Engine, buildx: Buildx, publish: Callable[..., None]
) -> None:
    registry = f"{engine.registry}/amalthea"
    debian = f"DEBIAN={docker_buildx.push_debian(buildx)}"
    publish("docker-buildx-all", f"REGISTRY={registry}", "VERSION=1.2.3", "PLATFORMS=linux/amd64", debian)
    found = {name: packages(attested(buildx, f"{registry}/{name}:1.2.3", "SBOM")) for name in NAMES}
    assert all("libc6" in held for held in found.values())
    assert {name for name, held in found.items() if held.get("amalthea") == amalthea.__version__} == {
        "operator",
        "sidecars",
        "cloner",
    }
    assert "haproxy" in found["sidecars"]
    assert "jupyterlab" in found["jupyterlab"]
    assert runs_as(engine, f"{registry}/operator:1.2.3", "amd64") == "x86_64"


@pytest.mark.usefixtures("emulated")
def test_each_kind_of_processor_pulls_its_own_and_it_runs(
    engine: Engine, buildx: Buildx, publish: Callable[..., None]
) -> None:
    image, kinds = f"{engine.registry}/amalthea/operator:two-kinds", {"linux/amd64", "linux/arm64"}
    publish("docker-buildx", f"IMG={image}", f"DEBIAN={docker_buildx.push_debians(buildx, Progress())}")
    assert set(attested(buildx, image, "Provenance")) == kinds
    sboms = attested(buildx, image, "SBOM")
    assert {kind: packages(sboms[kind])["amalthea"] for kind in kinds} == dict.fromkeys(kinds, amalthea.__version__)
    assert runs_as(engine, image, "amd64") == "x86_64"
    assert runs_as(engine, image, "arm64") == "aarch64"


def test_emulation_ends_with_its_run_and_what_a_killed_one_left_goes_with_the_next() -> None:
    before = mounted()
    command = (sys.executable, "-c", HOLDER)
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        while killed.stdout.readline() != b"up\n":
            assert killed.poll() is None, "it did not come up"
        killed.kill()
    assert mounted() != before
    with emulation.of_arm64(Progress()):
        assert (emulation.PLACE / emulation.NAME).read_text().startswith("enabled\n")
    assert mounted() == before
    assert not emulation.PLACE.exists()
