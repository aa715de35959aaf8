"""A variable of a target that cannot be right is named before anything is done, and one that can be is heeded."""

import re
from pathlib import Path

import pytest

from tests.chart.helm import documents, find, manager_of
from tests.chart.make import MakeError, make


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("docker-buildx", "IMG="), "make docker-buildx: IMG='' does not name an image"),
        (("docker-buildx", "CONTAINER_TOOL=podman"), "CONTAINER_TOOL is 'podman'; only docker"),
        (("docker-build-sidecars", "SIDECARS_IMG=A:1"), "make docker-build-sidecars: SIDECARS_IMG='A:1' does not name"),
        (("docker-build-cloner", "CONTAINER_TOOL=kaniko"), "make docker-build-cloner: CONTAINER_TOOL is 'kaniko'"),
        (
            ("docker-build", "CONTAINER_TOOL=sudo docker"),
            "CONTAINER_TOOL is 'sudo docker'; it can be docker, podman, buildah",
        ),
        (
            ("docker-buildx-all", "VERSION=x/y"),
            r"make docker-buildx-all: REGISTRY or VERSION='docker.io/amalthea/operator:x/y' does not name",
        ),
        (("list-chartpress-images", "CHARTPRESS=no-such"), "CHARTPRESS is 'no-such', which is not a program here"),
        (("devcontainer_build", "DEVCONTAINER=no-such"), "DEVCONTAINER is 'no-such', which is not a program here"),
        (("chaos", "REPLICAS=0"), "argument --replicas: '0' is not a number of replicas; write at least 1"),
        (("test-e2e", "CONTEXT=no-such"), 'CONTEXT=no-such cannot be used: .*context "no-such" does not exist'),
        (("list-chartpress-images", "CHARTPRESS="), "CHARTPRESS is '', which is not a program here"),
        (("setup", "VENV=out/none", "PYTHON=no-such"), "PYTHON is 'no-such', which is not a program here"),
        (("chart-package", "HELM=no-such"), r"make chart-package: Helm cannot be started .*; name one by HELM="),
        (("chart-package", "DIST=/dev/null/x"), "make chart-package: DIST cannot be written: .*Not a directory"),
        (("sbom", "CONTAINER_TOOL=echo"), "CONTAINER_TOOL is 'echo'; docker or podman can run an image"),
        (("run",), "make run: no cluster answers"),
        (("install", "KUBECTL=no-such-kubectl"), "make install: no-such-kubectl cannot be started"),
        (("setup", "VENV=a b"), 'VENV is "a b"; make needs a folder without blanks in its name'),
    ],
    ids=lambda each: each if isinstance(each, str) else " ".join(each),
)
def test_a_variable_that_cannot_be_right_is_named(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(MakeError, match=said):
        make(*words)


def test_tools_that_no_index_has_are_reported_with_the_settings_that_name_a_mirror(tmp_path: Path) -> None:
    nowhere = (
        "PIP_CONFIG_FILE=/dev/null",
        "PIP_INDEX_URL=http://127.0.0.1:1/simple",
        "PIP_RETRIES=0",
        "PIP_NO_CACHE_DIR=1",
    )
    with pytest.raises(
        MakeError, match=r"make setup: the tools could not be installed; .* Name a mirror by PIP_INDEX_URL"
    ):
        make("setup", f"VENV={tmp_path}/tools", *nowhere)
    assert not (tmp_path / "tools" / ".installed").exists()


def test_a_bill_of_materials_that_cannot_be_made_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(MakeError, match="make sbom: IMG='' does not name an image"):
        make("sbom", "IMG=", f"DIST={tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_an_installer_without_an_image_of_ones_own_has_the_images_of_the_same_release(tmp_path: Path) -> None:
    make("build-installer", f"DIST={tmp_path}")
    manager = manager_of(documents((tmp_path / "install.yaml").read_text()))
    (sidecars,) = (each["value"] for each in manager["env"] if each["name"] == "SIDECARS_IMAGE")
    assert manager["image"] == sidecars.replace("sidecars", "operator")


@pytest.mark.parametrize("target", ["test", "tests"])
def test_the_tests_have_a_cluster_of_their_own_whatever_context_is_named(target: str) -> None:
    told = make(target, "--dry-run", "CONTEXT=production")
    assert "/pytest tests/e2e\n" in told
    assert "production" not in told
    assert "tests/acceptance" not in told
    assert "/pytest tests/acceptance\n" in make("test-e2e", "--dry-run", "CONTEXT=production")


def test_the_installer_has_the_overlay_that_is_named(tmp_path: Path) -> None:
    make("build-installer", "OVERLAY=overlays/prometheus", f"DIST={tmp_path}")
    assert find(documents((tmp_path / "install.yaml").read_text()), "ServiceMonitor")


def test_the_tools_go_into_the_environment_whatever_python_uv_is_set_to() -> None:
    told = make("setup", "--dry-run", "VENV=out/none")
    installs = re.findall(r"\S+/uv pip install( .*?)(?: &&| \|\||$)", told, re.MULTILINE)
    assert len(installs) == 2
    assert all(" --python out/none/bin/python " in each for each in installs)
