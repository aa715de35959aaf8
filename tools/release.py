"""`make release VERSION=1.2.3`: sets the version once wherever it stands, and gives what is unreleased that version.

A release is a commit and a tag of the person who makes it; this only writes the files.
"""

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from tools.kubectl import ToolError
from tools.manifests import ROOT

PLAIN = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}")
"""Chart versions with anything behind are passed over by version ranges, so a release has nothing behind.

Helm and the package index each read a leading zero in another way."""
UNRELEASED = "## Unreleased\n"
LAST_OF_GO = (0, 31, 0)
"""The Go operator's last release, whose images and chart have the same names in some places."""
_IMAGE = r"docker\.io/amalthea/[a-z0-9-]+:"
PLACES: dict[str, tuple[str, ...]] = {
    "src/amalthea/__init__.py": (r'(?<=__version__ = ")[^"]+',),
    "charts/amalthea-sessions/Chart.yaml": (r"(?<=\nversion: )\S+", r"(?<=\nappVersion: )\S+"),
    "chartpress.yaml": (r"(?<=resetVersion: )\S+",),
    "config/manager/kustomization.yaml": (r"(?<=newTag: )\S+",),
    "config/manager/manager.yaml": (rf"(?<=value: ){_IMAGE}\S+",),
    "config/samples/*.yaml": (rf"(?<=image: ){_IMAGE}\S+",),
    "README.md": (rf"(?<=image: ){_IMAGE}\S+",),
    "docs/repositories.md": (rf"(?<=image: ){_IMAGE}\S+",),
}
"""The places of the version: files, and what matches it there, or an image that ends in it."""

UNTRUE = re.compile(r"first\]?\s+release\b|\bno\s+release\s+is\s+out\b", re.IGNORECASE)
"""What pages say only as long as nothing is released."""


def check_pages(root: Path = ROOT) -> None:
    """Raise ToolError, with their lines, if pages say that nothing is released yet."""
    pages = [root / "README.md", *(root / "docs").rglob("*.md"), *(root / "images").glob("*.md")]
    told = [f"{page.relative_to(root)}:{line}" for page in sorted(pages) for line in _untrue(page.read_text())]
    if told:
        raise ToolError(f"these lines say that no release is out yet; rewrite them first: {', '.join(told)}.")


def _untrue(text: str) -> list[int]:
    return [text.count("\n", 0, found.start()) + 1 for found in UNTRUE.finditer(text)]


def set_version(version: str, root: Path = ROOT) -> list[Path]:
    """Write the version to every place and return the files; each must hold it already in some form.

    Raises:
        ToolError: the version is not a plain one, or a place does not have one.
    """
    texts = _texts(version, root)
    for file, text in texts.items():  # all or none
        file.write_text(text)
    return list(texts)


def check_version(version: str, root: Path = ROOT) -> None:
    """Raise ToolError, with the places, if a tag of that version would publish files of another one."""
    others = [str(file.relative_to(root)) for file, text in _texts(version, root).items() if text != file.read_text()]
    if others:
        remedy = f"run `make release VERSION={version}`, commit, and tag that commit"
        raise ToolError(f"these files have another version than {version}: {', '.join(others)}; {remedy}.")


def _check_plain(version: str) -> None:
    if not PLAIN.fullmatch(version):
        raise ToolError(f"VERSION is {version!r}; write three numbers without leading zeros, such as 1.2.3.")


def _texts(version: str, root: Path) -> dict[Path, str]:
    _check_plain(version)
    return {
        file: _replaced(file, places, version)
        for pattern, places in PLACES.items()
        for file in sorted(root.glob(pattern))
        if not (file.name == "kustomization.yaml" and "samples" in file.parts)
    }


def _replaced(file: Path, places: tuple[str, ...], version: str) -> str:
    text = file.read_text()
    for place in places:
        text, count = re.subn(place, lambda found: _renamed(found[0], version), text)
        if not count:
            raise ToolError(f"{file}: there is no version where {place} looks for it.")
    return text


def _renamed(old: str, version: str) -> str:
    name, colon, _ = old.rpartition(":")
    return f"{name}{colon}{version}"


def changelog(text: str, version: str, day: date) -> str:
    """Return the changelog with today's version; what is unreleased comes under it, and `Unreleased` stays, empty.

    Raises:
        ToolError: nothing is unreleased, or that version is there already, or one after it.
    """
    before, heading, after = text.partition(UNRELEASED)
    if not heading:
        raise ToolError("CHANGELOG.md has no section `## Unreleased`.")
    if re.search(rf"^## {re.escape(version)}\b", text, re.MULTILINE):
        raise ToolError(f"CHANGELOG.md has a section {version} already; choose another version.")
    former = re.finditer(rf"^## ({PLAIN.pattern})\b", text, re.MULTILINE)
    last = max([LAST_OF_GO, *(_numbers(found[1]) for found in former)])
    if _numbers(version) < last:
        raise ToolError(f"VERSION is {version}, and {'.'.join(map(str, last))} is out; choose a higher one.")
    if not after.partition("\n## ")[0].strip():
        raise ToolError("CHANGELOG.md says nothing under `## Unreleased`: write what changes for users.")
    return f"{before}{UNRELEASED}\n## {version} - {day.isoformat()}\n{after}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def notes(text: str, version: str) -> str:
    """Return what the changelog says of a version; raise ToolError if it has no such section."""
    found = re.search(rf"^## {re.escape(version)} .*\n((?:(?!## ).*\n?)*)", text, re.MULTILINE)
    if not found:
        raise ToolError(f"CHANGELOG.md has no section {version}; run `make release VERSION={version}`.")
    return found[1].strip() + "\n"


def check(version: str) -> None:
    """Print what the changelog says of a version that every file has, as the notes of the release."""
    try:
        check_version(version)
        sys.stdout.write(notes((ROOT / "CHANGELOG.md").read_text(), version))
    except ToolError as error:
        sys.exit(f"make release-notes: {error}")


def main(version: str) -> None:
    """Write all files, the derived ones too."""
    notes = ROOT / "CHANGELOG.md"
    try:
        _check_plain(version)
        check_pages()
        text = changelog(notes.read_text(), version, datetime.now(UTC).date())
        written = set_version(version)
    except ToolError as error:
        sys.exit(f"make release: {error}")
    notes.write_text(text)
    subprocess.run(["make", "--no-print-directory", "golden-chart"], cwd=ROOT, check=True)
    for file in (*written, notes):
        sys.stdout.write(f"{file.relative_to(ROOT)}\n")
    sys.stdout.write(f"Now read the difference, commit it, and tag it {version}: the workflow Release does the rest.\n")


if __name__ == "__main__":
    command, version = (check, sys.argv[2]) if sys.argv[1] == "--notes" else (main, sys.argv[1])
    command(version)
