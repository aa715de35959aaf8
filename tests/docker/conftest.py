"""A real Docker engine and a real registry, for all tests here."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.base.progress import Progress
from lab.docker import engine as docker_engine
from lab.docker.engine import Engine
from lab.images.builders import AUTHORITIES

ROOT = Path(__file__).parents[2]


def running(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, *, own_network: bool = False
) -> Iterator[Engine]:
    """Yield an engine that answers, with a Debian 13 in it, and a registry."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    folder = tmp_path_factory.mktemp("docker")
    with capture.global_and_fixture_disabled():
        manager = docker_engine.running(folder / "engine", Progress(), own_network=own_network)
        started = manager.__enter__()
    try:
        yield started
    finally:
        manager.__exit__(None, None, None)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Return one that uses the machine's own network."""
    yield from running(tmp_path_factory, request)


@pytest.fixture(scope="session")
def bridged(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Return one with a bridge, as everybody has, for programs whose builds name no network."""
    yield from running(tmp_path_factory, request, own_network=True)


@pytest.fixture(scope="session")
def make(engine: Engine) -> Callable[..., str]:
    """Run a target as somebody does whose engine it is, and return what it wrote."""

    def make(*words: str, **more: str) -> str:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        environment = {**inherited, **engine.environment, "BUILD_OPTIONS": "--network=host", **more}
        done = subprocess.run(
            ["make", *words],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    return make


@pytest.fixture(scope="session")
def authorities() -> Path:
    """Return the machine's certificate authorities: in some networks nothing is reached without them."""
    return AUTHORITIES
