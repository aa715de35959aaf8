"""No image holds a program with a vulnerability that `images/floors.toml` names."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from lab.base.project import PROJECT
from tests.support.image_contents import Contents

FLOORS = tomllib.loads((PROJECT / "images" / "floors.toml").read_text())


def at_least(version: str, floor: str) -> bool:
    """Compare as dpkg does (deb-version(7))."""
    return subprocess.run(["dpkg", "--compare-versions", version, "ge", floor], check=False).returncode == 0


@pytest.mark.parametrize(
    ("version", "good"),
    [("1:2.47.3-0+deb13u1", True), ("1:2.47.10-1", True), ("1:2.47.2-0.2", False), ("3.0.11", False), ("", False)],
)
def test_an_older_version_is_told_from_a_newer_one(version: str, good: bool) -> None:
    assert at_least(version, "1:2.47.3-0+deb13u1") == good


@pytest.mark.parametrize("name", ["sidecars", "cloner"])
@pytest.mark.parametrize(("package", "floor"), FLOORS["debian"].items())
def test_debians_packages_have_the_fixes_that_we_need(contents: Contents, package: str, floor: str) -> None:
    version = contents.debian_versions()[package]
    assert at_least(version, floor), f"{package} {version}, and not {floor}"


@pytest.mark.parametrize("name", ["oauth2-proxy"])
def test_oauth2_proxy_has_the_fixes_that_we_need(contents: Contents, tmp_path: Path) -> None:
    program = tmp_path / "oauth2-proxy"
    program.write_bytes(contents.read("usr/bin/oauth2-proxy"))
    program.chmod(0o755)
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    name, version, *_ = told.split()
    assert name == "oauth2-proxy"
    assert at_least(version.removeprefix("v"), FLOORS["programs"][name]), told
