"""The samples: listed in order, each with the commands to try it, and nothing in them that the operator would refuse.

tests/e2e runs every one of them on real pods.
"""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

import amalthea
from amalthea.api.types import Spec
from amalthea.model.validation import problems
from tests.chart.helm import ROOT, Object

SAMPLES = ROOT / "config" / "samples"
FILES = sorted(SAMPLES.glob("[0-9]*.yaml"))
REMOTE = sorted((SAMPLES / "remote").glob("[0-9]*.yaml"))
"""They need a computing site, so they are not applied with the others."""
each_sample = pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
each_of_all = pytest.mark.parametrize("file", FILES + REMOTE, ids=[file.stem for file in FILES + REMOTE])


def load(file: Path) -> Object:
    loaded: Object = yaml.safe_load(file.read_text())
    return loaded


def test_all_are_listed_and_numbered_without_a_gap() -> None:
    listed = load(SAMPLES / "kustomization.yaml")["resources"]
    assert listed == [file.name for file in FILES]
    assert [int(file.name[:2]) for file in FILES] == list(range(1, len(FILES) + 1))
    names = [load(file)["metadata"]["name"] for file in FILES]
    assert len(set(names)) == len(names)


@each_sample
def test_its_commands_name_itself(file: Path) -> None:
    session = load(file)["metadata"]["name"]
    commands = re.findall(r"^#   (kubectl .*)$", file.read_text(), re.MULTILINE)
    assert commands[0] == f"kubectl apply -f {file.name}"
    for command in commands[1:]:
        assert re.search(rf"[ /]{session}( |$)", command), command


@each_of_all
def test_the_operator_has_nothing_to_say_against_it(file: Path) -> None:
    session = load(file)
    spec = msgspec.convert(session["spec"], Spec)
    assert problems(session["metadata"]["name"], spec) == ()
    assert "namespace" not in session["metadata"], "it goes where its reader works"


@each_sample
def test_its_image_is_one_of_ours_in_this_version(file: Path) -> None:
    image = re.fullmatch(r"docker\.io/amalthea/([a-z]+):(.+)", load(file)["spec"]["session"]["image"])
    assert image is not None
    assert (ROOT / "images" / image[1] / "Dockerfile").exists()
    assert image[2] == amalthea.__version__
