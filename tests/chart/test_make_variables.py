"""A variable of a target that cannot be right is named before anything is done, and one that can be is heeded."""

import re
from pathlib import Path

import pytest

from tests.chart.helm import documents, find
from tests.chart.make import MakeError, make


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("docker-buildx", "IMG="), "make docker-buildx: IMG='' does not name an image"),
        (("docker-buildx", "CONTAINER_TOOL=podman"), "CONTAINER_TOOL is 'podman'; only docker"),
        (("docker-buildx-all", "VERSION=x/y"), r"REGISTRY or VERSION='docker.io/amalthea/operator:x/y' does not name"),
        (("setup", "VENV=a b"), 'VENV is "a b"; make needs a folder without blanks in its name'),
    ],
    ids=lambda each: each if isinstance(each, str) else " ".join(each),
)
def test_a_variable_that_cannot_be_right_is_named(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(MakeError, match=said):
        make(*words)


def test_a_bill_of_materials_that_cannot_be_made_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(MakeError, match="make sbom: IMG='' does not name an image"):
        make("sbom", "IMG=", f"DIST={tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_the_installer_has_the_overlay_that_is_named(tmp_path: Path) -> None:
    make("build-installer", "OVERLAY=overlays/prometheus", f"DIST={tmp_path}")
    assert find(documents((tmp_path / "install.yaml").read_text()), "ServiceMonitor")


def test_the_tools_go_into_the_environment_whatever_python_uv_is_set_to() -> None:
    told = make("setup", "--dry-run", "VENV=out/none")
    installs = re.findall(r"\S+/uv pip install( .*?)(?: &&| \|\||$)", told, re.MULTILINE)
    assert len(installs) == 2
    assert all(" --python out/none/bin/python " in each for each in installs)
