"""The Dockerfile at the root and chartpress.yaml name what is there, and nothing that was."""

import re

import pytest
import yaml

from lab.images.images import IMAGES, Image
from tools import dockerfile
from tools.chart import CHART
from tools.manifests import ROOT


def test_the_dockerfile_at_the_root_is_what_its_parts_say() -> None:
    assert dockerfile.FILE.read_text() == dockerfile.render(), "run `make dockerfile`"


def test_each_image_is_a_stage_after_those_that_it_stands_on() -> None:
    seen: set[str] = set()
    for name in dockerfile.STAGES:
        assert seen.issuperset(IMAGES[name].uses), name
        seen.add(name)
    assert dockerfile.STAGES[-1] == "operator", "what is built if nobody names a stage"


@pytest.mark.parametrize(
    ("image", "text", "wanted"),
    [
        pytest.param(
            Image("base", uses=()),
            "ARG BASE=debian:13-slim\nFROM ${BASE}\nRUN true\n",
            "ARG BASE=debian:13-slim\nFROM ${BASE} AS base\nRUN true\n",
            id="what nothing here is under stays an argument",
        ),
        pytest.param(
            Image("probe"),
            "# Why.\nARG BASE=example.org/base:dev\nFROM ${BASE} AS build\nFROM ${BASE}\nCOPY --from=build /a /b\n",
            "# Why.\nFROM base AS probe-build\nFROM base AS probe\nCOPY --from=probe-build /a /b\n",
            id="inner stages get the image's name",
        ),
        pytest.param(
            Image("sidecars", uses=("base", "package")),
            "ARG BASE=b\nARG PACKAGE=p\nFROM ${PACKAGE} AS package\nFROM ${BASE}\nCOPY --from=package /a /a\n",
            "FROM package AS sidecars-package\nFROM base AS sidecars\nCOPY --from=sidecars-package /a /a\n",
            id="an inner stage of another image's name",
        ),
    ],
)
def test_an_images_dockerfile_becomes_stages(image: Image, text: str, wanted: str) -> None:
    assert dockerfile.stages(image, text) == wanted


def test_bake_publishes_the_stages_of_the_dockerfile() -> None:
    text = (ROOT / "docker-bake.hcl").read_text()
    (names,) = re.findall(r'^variable "NAMES" \{ default = (\[.*\]) \}$', text, re.MULTILINE)
    assert set(yaml.safe_load(names)) == set(dockerfile.STAGES) - {"base", "package"}


def test_chartpress_finds_chart_stages_and_values() -> None:
    (chart,) = yaml.safe_load((ROOT / "chartpress.yaml").read_text())["charts"]
    assert (ROOT / chart["name"]).samefile(CHART)
    assert (ROOT / "helm-chart" / CHART.name).samefile(CHART), "where Renku's deployments of pull requests look"
    assert chart["resetVersion"] == yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for name, image in chart["images"].items():
        (target,) = image.get("extraBuildCommandOptions", ["--target=operator"])
        assert target == f"--target={name}"
        assert name in dockerfile.STAGES
        found = values
        for key in image["valuesPath"].split("."):
            found = found[key]
        assert found["repository"] == f"{chart['imagePrefix']}{name}"
        assert found["tag"] == chart["resetTag"]
