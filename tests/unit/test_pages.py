"""A page that names a target, a file or a heading that is not there sends its reader nowhere."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [
    each for each in ROOT.iterdir() if each.is_dir() and each.name[0] != "." and each.name not in ("dist", "out")
]
PAGES = sorted(
    str(file.relative_to(ROOT))
    for file in (*ROOT.glob("*.md"), *(file for each in FOLDERS for file in each.rglob("*.md")))
)
MAKEFILES = (ROOT / "Makefile", *(ROOT / "make").glob("*.mk"))
RULES = "\n".join(file.read_text() for file in MAKEFILES)
TARGETS = {word for line in re.findall(r"^([a-z][a-z0-9 _-]*):", RULES, re.MULTILINE) for word in line.split()}
VARIABLES = set(re.findall(r"^([A-Za-z][A-Za-z_-]*) [?:]?=", RULES, re.MULTILINE))
each_page = pytest.mark.parametrize("page", PAGES)


def code(page: str) -> str:
    """Return what stands as code on a page, without the comments of its commands."""
    text = (ROOT / page).read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return re.sub(r" +# .*", "", "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)]))


def heading(text: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")


@each_page
def test_every_target_and_variable_that_it_names_is_there(page: str) -> None:
    for line in re.findall(r"^make (.*)$", code(page), re.MULTILINE):
        words = re.sub(r'"[^"]*"', "", line).split()
        targets = {word for word in words if "=" not in word and "…" not in word}
        assert targets <= TARGETS, line
        assert {word.partition("=")[0] for word in words if "=" in word} <= VARIABLES, line


@each_page
def test_every_link_leads_somewhere(page: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", (ROOT / page).read_text()):
        path, _, anchor = link.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in map(heading, headings), link


def test_every_target_of_the_go_operator_that_is_not_dropped_is_there() -> None:
    kept = """all help manifests generate fmt vet test setup-test-e2e test-e2e cleanup-test-e2e lint lint-fix build
    docker-build-sidecars docker-build-cloner run docker-build docker-push docker-buildx build-installer install
    uninstall deploy undeploy kind_cluster devcontainer_up devcontainer_rebuild devcontainer_exec tests"""
    assert set(kept.split()) <= TARGETS


def test_every_target_of_the_go_operator_that_is_dropped_is_named_as_such() -> None:
    dropped = """lint-config build-sidecars kustomize controller-gen setup-envtest envtest golangci-lint operator-sdk
    bundle bundle-build bundle-push opm catalog-build catalog-push firecrest-apispec go-generate"""
    named = re.findall(r"`([a-z*-]+)`", (ROOT / "docs/install.md").read_text().partition("\n## Dropped\n")[2])
    assert [target for target in dropped.split() if not any(fnmatch(target, each) for each in named)] == []
