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
pytestmark = pytest.mark.timeout(3600)
NAMES = ("operator", "sidecars", "cloner", "jupyterlab", "probe")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""The kernel's name of each architecture."""
KINDS = {f"linux/{architecture}" for architecture in MACHINES}
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
def debians(buildx: Buildx) -> Iterator[str]:
    """Yield the make variable that names a Debian for each kind of processor, while programs for each run here."""
    with emulation.of_arm64(Progress()):
        yield f"DEBIAN={docker_buildx.push_debians(buildx, Progress())}"


def mounted() -> str:
    return Path("/proc/self/mountinfo").read_text()


def runs_as(engine: Engine, image: str, architecture: str, command: str = "--version") -> str:
    """Pull an image anew for a kind of processor, run it, and return what the kernel calls the processor."""
    platform = f"--platform=linux/{architecture}"
    engine.docker("rmi", "--force", image, check=False)
    engine.docker("pull", "--quiet", platform, image)
    confined = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
    run = ("run", "--rm", platform, *confined)
    assert engine.docker(*run, image, command).stdout.split()[-1] == amalthea.__version__
    return engine.docker(*run, "--entrypoint=uname", image, "-m").stdout.strip()


def attested(buildx: Buildx, image: str, what: str) -> dict[str, Any]:
    """Return an image's attestations of one kind: of each processor where there are several."""
    inspected = buildx.docker("buildx", "imagetools", "inspect", image, f"--format={{{{json .{what}}}}}")
    found: dict[str, Any] = json.loads(inspected)
    return found


def packages(sbom: dict[str, Any]) -> dict[str, str]:
    """Return the version of each package that an SBOM names."""
    return {package["name"]: package.get("versionInfo", "") for package in sbom["SPDX"]["packages"]}


def test_each_image_of_a_release_is_there_for_each_kind_of_processor_with_an_sbom_that_names_what_it_holds(
    engine: Engine, debians: str, buildx: Buildx, publish: Callable[..., None]
) -> None:
    registry = f"{engine.registry}/amalthea"
    publish("docker-buildx-all", f"REGISTRY={registry}", "VERSION=1.2.3", debians)
    for kind in KINDS:
        found = {name: packages(attested(buildx, f"{registry}/{name}:1.2.3", "SBOM")[kind]) for name in NAMES}
        assert all("libc6" in held for held in found.values())
        assert {name for name, held in found.items() if held.get("amalthea") == amalthea.__version__} == {
            "operator",
            "sidecars",
            "cloner",
        }
        assert "haproxy" in found["sidecars"]
        assert "jupyterlab" in found["jupyterlab"]
    for architecture, machine in MACHINES.items():
        assert runs_as(engine, f"{registry}/operator:1.2.3", architecture) == machine
        assert runs_as(engine, f"{registry}/sidecars:1.2.3", architecture, "version") == machine


def test_each_kind_of_processor_pulls_its_own_operator_and_it_runs(
    engine: Engine, debians: str, buildx: Buildx, publish: Callable[..., None]
) -> None:
    image = f"{engine.registry}/amalthea/operator:two-kinds"
    publish("docker-buildx", f"IMG={image}", debians)
    assert set(attested(buildx, image, "Provenance")) == KINDS
    sboms = attested(buildx, image, "SBOM")
    assert {kind: packages(sboms[kind])["amalthea"] for kind in KINDS} == dict.fromkeys(KINDS, amalthea.__version__)
    for architecture, machine in MACHINES.items():
        assert runs_as(engine, image, architecture) == machine


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
