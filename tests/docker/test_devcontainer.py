"""The development container starts from the repository alone, and the unit tests run in it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.docker.engine import Engine
from tests.support.checkout import copy_of_the_project

pytestmark = pytest.mark.timeout(900)
CLI = "@devcontainers/cli@0.89.0"
USER = 1000
"""The owner of the copy, as on a machine of a developer's own: the container's user is given that number."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a copy of what git knows or would, that the container's user may write."""
    folder = tmp_path_factory.mktemp("workspace") / "amalthea"
    copy_of_the_project(folder)
    subprocess.run(["chown", "-R", f"{USER}:{USER}", folder], check=True)
    for parent in folder.parents:
        if parent != Path("/tmp") and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def make_in(bridged: Engine, workspace: Path, authorities: Path) -> "MakeIn":
    return MakeIn(bridged, workspace, authorities)


class MakeIn:
    """`make devcontainer_…` in the workspace, with the engine's socket where the container looks for it."""

    def __init__(self, engine: Engine, workspace: Path, authorities: Path) -> None:
        self._workspace = workspace
        certificates = f"type=bind,source={authorities},target={authorities}"
        self._exec = f"DEVCONTAINER_OPTIONS=--remote-env PIP_CERT={authorities}"
        self._up = f"{self._exec} --mount {certificates}"
        socket = {"DOCKER_SOCKET": str(engine.folder / "docker.sock")}
        self._environment = {**os.environ, **engine.environment, **socket, "DEVCONTAINER": f"npx --yes {CLI}"}

    def __call__(self, target: str, command: str = "") -> str:
        options = self._exec if command else self._up
        words = ["make", target, options, *([f"IN_DEVCONTAINER={command}"] if command else [])]
        done = subprocess.run(
            words,
            cwd=self._workspace,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout


def test_it_is_built_started_and_runs_tests(make_in: MakeIn) -> None:
    make_in("devcontainer_build")
    assert '"outcome":"success"' in make_in("devcontainer_up")
    assert "List every target" in make_in("devcontainer_exec", "make help")
    engine = make_in("devcontainer_exec", "docker info --format {{.ServerVersion}}")
    assert "permission denied" not in engine
    assert " passed" in make_in("devcontainer_exec", "/home/developer/venv/bin/pytest -q tests/unit/api")
