"""A branch is tried as Renku's deployments of pull requests try it: chartpress builds, pushes and names the images."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import amalthea
from lab.docker.engine import Engine
from tests.chart.helm import documents, helm, manager_of
from tests.support.checkout import ROOT, copy_of_the_project

pytestmark = pytest.mark.timeout(900)
CHART = "helm-chart/amalthea-sessions"
CHARTPRESS = (str(ROOT / ".venv/bin/uv"), "tool", "run", "chartpress==2.4.0")
AUTHOR = ("-c", "user.name=test", "-c", "user.email=test@example.org")


@pytest.fixture
def repository(tmp_path: Path, authorities: Path) -> Path:
    """Return a copy with one commit; its builds trust what this machine trusts."""
    folder = tmp_path / "amalthea"
    copy_of_the_project(folder)
    config: dict[str, Any] = yaml.safe_load((folder / "chartpress.yaml").read_text())
    trust = [f"--secret=id=ca,src={authorities}", "--build-arg=PIP_CERT=/run/secrets/ca"]
    for image in config["charts"][0]["images"].values():
        image["extraBuildCommandOptions"] = [*image.get("extraBuildCommandOptions", []), *trust]
    (folder / "chartpress.yaml").write_text(yaml.safe_dump(config))
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(["git", *AUTHOR, "commit", "--quiet", "--message=All"], cwd=folder, check=True)
    return folder


def run(folder: Path, engine: Engine, *command: str) -> str:
    """Run a command there as somebody does whose engine it is, and return what it wrote."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment |= engine.environment
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout


def test_a_branchs_images_are_pushed_and_its_chart_names_them(bridged: Engine, repository: Path) -> None:
    listed = run(repository, bridged, "make", "list-chartpress-images", f"VENV={ROOT / '.venv'}").split()
    prefix = f"{bridged.registry}/branch/"
    run(repository, bridged, *CHARTPRESS, "--push", f"--image-prefix={prefix}")
    values = yaml.safe_load((repository / CHART / "values.yaml").read_text())
    images = {
        "operator": values["controllerManager"]["manager"]["image"],
        "sidecars": values["sidecars"]["image"],
        "cloner": values["cloner"]["image"],
    }
    for name, image in images.items():
        assert image["repository"] == f"{prefix}{name}"
        assert f"docker.io/amalthea/{name}:{image['tag']}" in listed
        reference = f"{image['repository']}:{image['tag']}"
        bridged.docker("rmi", reference)
        bridged.docker("pull", "--quiet", reference)
    operator = f"{prefix}operator:{images['operator']['tag']}"
    assert bridged.docker("run", "--rm", operator, "--version").stdout == f"amalthea {amalthea.__version__}\n"
    rendered = documents(helm("template", "amalthea", str(repository / CHART)))
    assert manager_of(rendered)["image"] == operator

    run(repository, bridged, "make", "chartpress-cleanup", f"VENV={ROOT / '.venv'}")
    assert yaml.safe_load((repository / CHART / "values.yaml").read_text()) == yaml.safe_load(
        (ROOT / CHART / "values.yaml").read_text()
    )
    assert yaml.safe_load((repository / CHART / "Chart.yaml").read_text()) == yaml.safe_load(
        (ROOT / CHART / "Chart.yaml").read_text()
    )
