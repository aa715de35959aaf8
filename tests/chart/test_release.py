"""`make release`, as it is typed: a version that stands in all places but one installs another one's images."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import amalthea
from tests.chart.make import environment
from tests.support.checkout import copy_of_the_project
from tools import release

pytestmark = pytest.mark.timeout(300)
VERSION = "7.8.9"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    copy_of_the_project(tmp_path)
    for name in ("pyproject.toml", "requirements/dev.txt"):  # so that make finds its tools up to date
        os.utime(tmp_path / name, (0, 0))
    return tmp_path


def make_release(checkout: Path, target: str = "release") -> subprocess.CompletedProcess[str]:
    command = ["make", target, f"VERSION={VERSION}", f"VENV={sys.prefix}"]
    its_own = {**environment(), "PYTHONPATH": str(checkout / "src")}
    return subprocess.run(command, cwd=checkout, env=its_own, capture_output=True, text=True, check=False)


def texts(checkout: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in checkout.rglob("*") if path.suffix in (".md", ".yaml", ".py")}


def test_a_release_waits_for_pages_that_say_that_there_is_none(checkout: Path) -> None:
    before = texts(checkout)
    done = make_release(checkout)
    assert done.returncode != 0
    assert "make release: these lines say that no release is out yet; rewrite them first: README.md:" in done.stderr
    assert texts(checkout) == before


def test_a_release_has_its_version_in_package_chart_images_samples_and_changelog(checkout: Path) -> None:
    for page in [checkout / "README.md", *(checkout / "docs").rglob("*.md"), *(checkout / "images").glob("*.md")]:
        page.write_text(release.UNTRUE.sub("release", page.read_text()))
    done = make_release(checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    program = [sys.executable, "-m", "amalthea.main", "--version"]
    asked = subprocess.run(program, cwd=checkout, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=True)
    assert asked.stdout == f"amalthea {VERSION}\n"
    assert f"\n## {VERSION} - " in (checkout / "CHANGELOG.md").read_text()
    written = texts(checkout)
    for part in (
        "charts/amalthea-sessions/Chart.yaml",
        "config/manager/manager.yaml",
        "config/samples/01-jupyterlab.yaml",
    ):
        assert VERSION in written[checkout / part], part
    rendered = [text for path, text in written.items() if path.parts[-3:-1] == ("chart", "golden")]
    assert rendered
    assert not [text for text in rendered if f"amalthea/operator:{amalthea.__version__}" in text], "golden files"
    told = make_release(checkout, "release-notes")
    assert told.returncode == 0, told.stderr
    assert "### Added" in told.stdout
