"""The manifests of all kinds of sessions, each compared whole with a file that a person can read."""

from collections.abc import Callable, Iterable

import pytest

from amalthea.api.schema import Manifest
from amalthea.children.manifests import children
from amalthea.children.secret import Material
from amalthea.settings import BuildSettings
from tests.unit.children.cases import CASES, Case
from tests.unit.children.golden_files import FOLDER

MATERIAL = Material(tunnel_secret="TUNNEL-SECRET", cookie_secret="COOKIE-SECRET=")


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_no_manifest_changes_unseen(
    name: str, case: Case, golden: Callable[[str, str, Iterable[Manifest]], None]
) -> None:
    made = children(case.builder.subject(), MATERIAL)
    golden(name, _heading(case), [case.builder.manifest(), *made])


def test_no_golden_file_outlives_its_case() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(CASES)


def _heading(case: Case) -> str:
    """Return the case's sentence and, below it, the settings that differ from the defaults."""
    settings, usual = case.builder.settings, BuildSettings()
    changed = {name: value for name, value in vars(settings).items() if value != getattr(usual, name)}
    lines = [case.shows, *(f"Setting {name}: {value}" for name, value in changed.items())]
    return "\n".join(lines)
