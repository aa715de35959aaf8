"""The plug-in buildx with a builder in a container, for an engine of a test's own: it builds for other processors, too.

The plug-in, and BuildKit in the container, are made of Go modules and of Debian's packages, and nothing else is pulled.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.base.progress import Progress
from lab.docker.engine import DEBIAN, Engine
from lab.images import builders as image_builders
from lab.programs import binaries, versions

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Buildx:
    """An engine whose docker command has the plug-in, and a builder for several kinds of processors."""

    engine: Engine

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which docker finds the engine, the plug-in and the builder."""
        return {**self.engine.environment, "DOCKER_CONFIG": str(self.engine.folder / "config")}

    def docker(self, *arguments: str) -> str:
        """Run the docker command and return what it wrote; raise ImageBuildError."""
        return image_builders.run(("/usr/bin/docker", *arguments), self.environment)


def install(engine: Engine, progress: Progress) -> Buildx:
    """Make a builder beside the engine, which ends with it; raise BuildError.

    It starts in its first build, and knows those processors that the machine emulates then.
    """
    plugins = engine.folder / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(binaries.path("docker-buildx", progress))
    buildx = Buildx(engine)
    image = _push(buildx, "buildkit", versions.BUILDKIT, ("buildkitd", "buildctl"), progress)
    options = (f"--driver-opt=image={image}", "--driver-opt=network=host")
    buildx.docker("buildx", "create", "--use", "--driver=docker-container", *options)
    return buildx


def push_scanner(buildx: Buildx, progress: Progress) -> str:
    """Push an image that makes SBOMs for BuildKit, and return its name; raise BuildError.

    Syft is what BuildKit's own default uses, too.
    """
    return _push(buildx, "scanner", versions.SYFT, ("syft",), progress)


def _push(buildx: Buildx, name: str, version: str, programs: Sequence[str], progress: Progress) -> str:
    """Build and push the image of NAME.Dockerfile with `programs` beside it, and return its full name."""
    image = f"{buildx.engine.registry}/{name}:v{version}"
    paths = [binaries.path(program, progress) for program in programs]
    with TemporaryDirectory(prefix=f"amalthea-{name}-") as folder, progress.step(f"Making the image {name}"):
        for path in (*paths, *_HERE.glob(f"{name}.*")):
            shutil.copy2(path, folder)
        buildx.docker("build", "--network=host", f"--file={folder}/{name}.Dockerfile", f"--tag={image}", folder)
        buildx.docker("push", "--quiet", image)
    return image


def push_debian(buildx: Buildx) -> str:
    """Push a Debian 13 for amd64 to the engine's registry and return its name; raise ImageBuildError."""
    name = f"{buildx.engine.registry}/debian:amd64"
    buildx.docker("tag", DEBIAN, name)
    buildx.docker("push", "--quiet", name)
    return name


def push_debians(buildx: Buildx, progress: Progress) -> str:
    """Push one for amd64 and for arm64 under one name, and return that; raise ImageBuildError.

    The machine must run programs for arm64.
    """
    registry = buildx.engine.registry
    name, arm64 = f"{registry}/debian:13-slim", f"{registry}/debian:arm64"
    with TemporaryDirectory(prefix="amalthea-debian-") as folder:
        # The engine would import it as one for the processor that it runs on.
        shutil.copy2(image_builders.debian_root(progress, "arm64"), folder)
        (Path(folder) / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
        built = ("--platform=linux/arm64", "--provenance=false", "--push", f"--tag={arm64}")
        buildx.docker("buildx", "build", *built, folder)
    buildx.docker("buildx", "imagetools", "create", f"--tag={name}", push_debian(buildx), arm64)
    return name
