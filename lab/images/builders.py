"""The two programs that build an image from a Dockerfile: docker where an engine answers, else buildah.

Both get the same Dockerfile, the images that it stands on as build arguments, and the machine's certificate authorities
as a secret, for networks with an authority of their own. `lab.images.images` says what is built and keeps the archives.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from lab.base import cache, system
from lab.base.progress import Progress
from lab.base.project import PROJECT
from lab.programs.gobuild import BuildError

SUITE = "trixie"
"""Debian 13, which all images stand on by default."""
DEBIAN_REFERENCE = "localhost/amalthea/debian:13"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
RUN = Path("/run/amalthea-lab-images")
"""The state that buildah must forget at the next boot."""
SHOWN_LINES = 30
BUILDKIT = {"DOCKER_BUILDKIT": "1"}
"""Older docker commands build with BuildKit only with this variable."""


class ImageBuildError(BuildError):
    """An image that could not be built; the text ends with the last lines of the builder's output."""


@dataclass(frozen=True)
class Recipe:
    """The recipe of an image: its name, the folder with all its files, its Dockerfile there, and its base images."""

    reference: str
    context: Path
    dockerfile: str
    uses: dict[str, Path]
    """The docker-archive for each of its arguments that name an image; one that is not here has a default there."""


class Builder(Protocol):
    """Builds an image and writes it as a docker-archive."""

    def debian(self, progress: Progress) -> Path | None:
        """Return the docker-archive of Debian 13, or None where the Dockerfile's own default can be pulled."""

    def build(self, recipe: Recipe, target: Path) -> None:
        """Build `recipe` and write its docker-archive to `target`; raise ImageBuildError."""


def find_builder(progress: Progress) -> Builder:
    """Return docker where its engine answers, else buildah, installed first where needed; raise MachineError."""
    if docker_answers() and docker_builds():
        return Docker()
    system.require_root("Building images without a Docker engine")
    system.ensure(system.IMAGE_PACKAGES, progress)
    return Buildah()


def docker_answers() -> bool:
    """Return whether there is a docker command with an engine behind it."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(("docker", "info"), capture_output=True, check=False).returncode == 0


def docker_builds() -> bool:
    """Return whether the docker command can build with secrets: of some clients, only with the plugin buildx."""
    helped = subprocess.run(
        ("docker", "build", "--help"), capture_output=True, text=True, check=False, env={**os.environ, **BUILDKIT}
    )
    return "--secret" in helped.stdout


class Docker:
    """Builds with the Docker engine of this machine."""

    def debian(self, progress: Progress) -> None:
        """Leave it to the engine, which pulls the image that images/base/Dockerfile names."""

    def build(self, recipe: Recipe, target: Path) -> None:
        loaded = {name: self._loaded(archive) for name, archive in recipe.uses.items()}
        run(("docker", "build", *build_options(recipe, loaded)))
        run(("docker", "save", "--output", str(target), recipe.reference))

    def _loaded(self, archive: Path) -> str:
        """Bring an image to the engine and return its name there."""
        return run(("docker", "load", "--quiet", "--input", str(archive))).strip().rpartition("Loaded image: ")[2]


class Buildah:
    """Builds without an engine, as root, with a storage of its own in the cache."""

    def debian(self, progress: Progress) -> Path:
        """Return Debian 13 as an archive, made from packages by mmdebstrap, in the cache."""

        def import_into(folder: Path) -> None:
            self._import(debian_root(progress), folder / "image.tar")

        return cache.artefact("debian", _debian_key(), import_into, progress) / "image.tar"

    def build(self, recipe: Recipe, target: Path) -> None:
        archives = {name: f"docker-archive:{archive}" for name, archive in recipe.uses.items()}
        before = self._ids(recipe.reference)
        self._buildah("bud", "--layers", "--force-rm", "--isolation", "chroot", *build_options(recipe, archives))
        self._push(recipe.reference, target)
        # Or else the storage would grow by a whole image with every build. One that another build uses stays.
        for outdated in before - self._ids(recipe.reference):
            with suppress(ImageBuildError):
                self._buildah("rmi", outdated)

    def _import(self, root: Path, target: Path) -> None:
        container = self._buildah("from", "scratch").strip()
        try:
            self._buildah("add", "--quiet", container, str(root))
            self._buildah("commit", "--quiet", container, DEBIAN_REFERENCE)
        finally:
            self._buildah("rm", container)
        self._push(DEBIAN_REFERENCE, target)

    def _ids(self, reference: str) -> set[str]:
        return set(self._buildah("images", "--quiet", "--no-trunc", "--filter", f"reference={reference}").split())

    def _push(self, reference: str, target: Path) -> None:
        self._buildah("push", "--quiet", reference, f"docker-archive:{target}:{reference}")

    def _buildah(self, *arguments: str) -> str:
        place = ("--root", str(cache.root() / "buildah"), "--runroot", str(RUN), "--storage-driver", "overlay")
        # Mounts in a namespace of its own are gone with buildah, however it ends.
        return run(("unshare", "--mount", "buildah", *place, *arguments))


def build_options(recipe: Recipe, images: dict[str, str]) -> list[str]:
    """Return the options of a build, which docker and buildah understand alike; `images` are arguments and names."""
    options = ["--tag", recipe.reference, "--file", str(recipe.context / recipe.dockerfile)]
    for argument, image in images.items():
        options += ["--build-arg", f"{argument}={image}"]
    if AUTHORITIES.exists():
        options += ["--secret", f"id=ca,src={AUTHORITIES}", "--build-arg", "PIP_CERT=/run/secrets/ca"]
    return [*options, str(recipe.context)]


def debian_root(progress: Progress, architecture: str | None = None) -> Path:
    """Return the root file system of Debian 13 as a tar file, in the cache; raise ImageBuildError.

    For another `architecture` than the machine's the kernel must run its programs.
    """
    packages = _debian_packages()
    which = "Debian 13" if architecture is None else f"Debian 13 for {architecture}"

    def build_into(folder: Path) -> None:
        with progress.step(f"Making a {which} from packages ({', '.join(packages)})"):
            run(debootstrap_command(packages, folder / "root.tar", architecture=architecture))

    name = f"debian-root-{architecture or platform.machine()}"
    return cache.artefact(name, _debian_key(), build_into, progress) / "root.tar"


def _debian_key() -> str:
    return cache.recipe_key("13", *_debian_packages())


def _debian_packages() -> list[str]:
    return (PROJECT / "images/base/packages.txt").read_text().split()


def debootstrap_command(
    packages: Sequence[str], target: Path, suite: str = SUITE, architecture: str | None = None
) -> list[str]:
    """Return the command that makes a Debian with `packages` and without manuals and translations.

    For another `architecture` than the machine's the kernel must run its programs, which is not looked at.
    """
    left_out = ("man", "doc", "locale", "info")
    options = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in left_out]
    included = f"--include={','.join(packages)}"
    if architecture is not None:
        options += [f"--architectures={architecture}", "--skip=check/qemu"]
    return ["mmdebstrap", "--quiet", "--variant=minbase", included, *options, suite, str(target)]


def run(command: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """Run `command` and return its output; raise ImageBuildError with the end of what it said."""
    variables = {**os.environ, **BUILDKIT, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    if done.returncode != 0:
        last_lines = "\n".join((done.stdout + done.stderr).splitlines()[-SHOWN_LINES:])
        raise ImageBuildError(f"`{' '.join(command)}` failed:\n{last_lines}")
    return done.stdout
