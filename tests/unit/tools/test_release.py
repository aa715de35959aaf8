"""A version that is set in all places but one is a release that installs another one's images."""

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

import amalthea
from tools import release
from tools.kubectl import ToolError
from tools.manifests import ROOT

DAY = date(2026, 12, 24)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("config", "charts", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "src/amalthea").mkdir(parents=True)
    shutil.copy(ROOT / "src/amalthea/__init__.py", tmp_path / "src/amalthea")
    return tmp_path


def test_the_version_is_set_wherever_it_stands(copy: Path) -> None:
    files = release.set_version("7.8.9", copy)
    text = {file: file.read_text() for file in files}
    assert len(files) == 6 + len(list((ROOT / "config/samples").glob("[0-9]*.yaml")))
    for file in files:
        assert "7.8.9" in text[file], file
    left = re.escape(amalthea.__version__)
    pages = [copy / "README.md", *(copy / "docs").rglob("*.md")]
    ours = [*(copy / "config").rglob("*.yaml"), copy / "charts/amalthea-sessions/Chart.yaml", *pages]
    for file in ours:
        found = re.findall(rf"(?:docker\.io/amalthea/\S+:|[vV]ersion: |newTag: ){left}", file.read_text())
        assert not found, file


def test_a_tag_of_another_version_than_the_files_have_is_refused_with_their_names(copy: Path) -> None:
    release.set_version("7.8.9", copy)
    release.check_version("7.8.9", copy)
    (copy / "config/manager/manager.yaml").write_text((ROOT / "config/manager/manager.yaml").read_text())
    said = r"^these files have another version than 7\.8\.9: config/manager/manager\.yaml; run `make release VERSION="
    with pytest.raises(ToolError, match=said):
        release.check_version("7.8.9", copy)


def test_it_can_be_set_again(copy: Path) -> None:
    release.set_version("7.8.9", copy)
    release.set_version("7.8.10", copy)
    assert "7.8.9" not in (copy / "config/samples/01-jupyterlab.yaml").read_text()


@pytest.mark.parametrize(
    "version", ["", "1.2", "1.2.3-rc.1", "v1.2.3", "1.2.3.dev0", "1.2.3+a", "01.2.3", "1.2.03", "\u0661.2.3"]
)
def test_a_version_that_is_not_a_plain_one_everywhere_is_refused(version: str, copy: Path) -> None:
    with pytest.raises(ToolError, match=r"write three numbers without leading zeros, such as 1\.2\.3"):
        release.set_version(version, copy)


def test_a_place_without_a_version_is_named(copy: Path) -> None:
    (copy / "config/manager/kustomization.yaml").write_text("images: []\n")
    with pytest.raises(ToolError, match=r"kustomization\.yaml: there is no version"):
        release.set_version("7.8.9", copy)
    assert "7.8.9" not in (copy / "charts/amalthea-sessions/Chart.yaml").read_text(), "all or none"


def test_unreleased_changes_get_the_version() -> None:
    text = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n\n## 1.0.0 - 2026-01-01\n\n- Old.\n"
    assert release.changelog(text, "1.1.0", DAY) == (
        "# Changelog\n\n## Unreleased\n\n## 1.1.0 - 2026-12-24\n\n### Added\n\n- A thing.\n\n"
        "## 1.0.0 - 2026-01-01\n\n- Old.\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Changelog\n", "no section `## Unreleased`"),
        ("## Unreleased\n\n## 1.0.0 - 2026-01-01\n", "says nothing under"),
        ("## Unreleased\n\n- A.\n\n## 1.1.0 - 2026-01-01\n", r"has a section 1\.1\.0 already"),
    ],
    ids=["no section", "empty", "twice"],
)
def test_a_release_without_a_word_to_users_is_refused(text: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        release.changelog(text, "1.1.0", DAY)


@pytest.mark.parametrize(
    ("version", "last"), [("0.30.9", "0.31.0"), ("1.0.9", "1.10.0"), ("1.2.0", "1.10.0")], ids=["Go", "patch", "digits"]
)
def test_a_version_that_comes_before_one_that_is_out_is_refused(version: str, last: str) -> None:
    text = "## Unreleased\n\n- A.\n" + ("\n## 1.10.0 - 2026-01-01\n" if last == "1.10.0" else "")
    with pytest.raises(ToolError, match=rf"VERSION is {version}, and {last} is out; choose a higher one"):
        release.changelog(text, version, DAY)


def test_the_notes_of_a_release_are_its_section_of_the_changelog() -> None:
    text = "## Unreleased\n\n- A.\n\n## 1.1.0 - 2026-01-01\n\n### Added\n\n- B.\n\n## 1.0.0 - 2025-01-01\n\n- C.\n"
    assert release.notes(text, "1.1.0") == "### Added\n\n- B.\n"
    with pytest.raises(ToolError, match=r"no section 1\.1\.1; run `make release VERSION=1\.1\.1`"):
        release.notes(text, "1.1.1")


def test_the_changelog_has_a_place_for_what_is_unreleased() -> None:
    assert release.UNRELEASED in (ROOT / "CHANGELOG.md").read_text()


def test_pages_that_say_that_nothing_is_released_yet_are_named_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "docs/design").mkdir(parents=True)
    (tmp_path / "README.md").write_text("# Amalthea\n\nFrom the first\nrelease on:\n")
    (tmp_path / "docs/design/a.md").write_text("Until the [first release](#a), and no release is out.\nReleases.\n")
    with pytest.raises(
        ToolError, match=r"rewrite them first: README\.md:3, docs/design/a\.md:1, docs/design/a\.md:1\.$"
    ):
        release.check_pages(tmp_path)
    for page in ("README.md", "docs/design/a.md"):
        (tmp_path / page).write_text("# A release is out\n")
    release.check_pages(tmp_path)
