"""An image that is built for several kinds of processors is pulled by each of them as its own, and runs there."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

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
ATTESTED = "ATTESTATIONS=type=provenance,mode=max"
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
    """Run `make docker-buildx`; what is built trusts what this machine trusts."""
    trust = {"CA": str(authorities), "PIP_CERT": "/run/secrets/ca"}

    def publish(image: str, *words: str) -> None:
        make("docker-buildx", f"IMG={image}", ATTESTED, *words, **buildx.environment, **trust)

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


def test_for_one_kind_of_processor_it_is_pushed_as_it_is_built(
    engine: Engine, buildx: Buildx, publish: Callable[..., None]
) -> None:
    image = f"{engine.registry}/amalthea/operator:one-kind"
    publish(image, "PLATFORMS=linux/amd64", f"DEBIAN={docker_buildx.push_debian(buildx)}")
    assert runs_as(engine, image, "amd64") == "x86_64"


@pytest.mark.usefixtures("emulated")
def test_each_kind_of_processor_pulls_its_own_and_it_runs(
    engine: Engine, buildx: Buildx, publish: Callable[..., None]
) -> None:
    image = f"{engine.registry}/amalthea/operator:two-kinds"
    publish(image, f"DEBIAN={docker_buildx.push_debians(buildx, Progress())}")
    provenance = json.loads(buildx.docker("buildx", "imagetools", "inspect", image, "--format={{json .Provenance}}"))
    assert set(provenance) == {"linux/amd64", "linux/arm64"}
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
