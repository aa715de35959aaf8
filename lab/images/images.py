"""The project's container images: which there are, what each is made from, and their archives in the cache.

An image's key is a hash over everything that goes into it, so an unchanged one is never built twice.
`builders.py` runs docker or buildah; `lab.cluster.image_loaders` brings the archives into the node or into kind.
"""

import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from amalthea import __version__
from lab.base import cache
from lab.base.progress import Progress
from lab.base.project import PROJECT
from lab.images.builders import Builder, Recipe, find_builder
from lab.programs import binaries

ARCHIVE = "image.tar"
KEPT_ARCHIVES = 3
"""The number of builds of one image that stay in the cache, for work on several branches."""


@dataclass(frozen=True)
class Image:
    """One image: `inputs` are the files and folders, below the project's root, that its Dockerfile copies."""

    name: str
    inputs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ("base",)
    """The images that it is made from: its Dockerfile takes each as an argument of that name, in capitals."""
    programs: tuple[str, ...] = ()
    """Programs of the lab (see `lab.programs.binaries`) that its Dockerfile copies from the folder `programs`."""

    @property
    def reference(self) -> str:
        """The full name in a test's pod."""
        return f"docker.io/amalthea/{self.name}:dev"

    @property
    def released(self) -> str:
        """The name that it is published under, as in chart, kustomize files and samples."""
        return f"docker.io/amalthea/{self.name}:{__version__}"

    @property
    def dockerfile(self) -> str:
        """Its path, below the project's root."""
        return f"images/{self.name}/Dockerfile"

    def files(self, project: Path = PROJECT) -> Iterator[Path]:
        """Yield the paths, below `project`, of all files that go into it, in a fixed order."""
        for start in sorted((f"images/{self.name}", *self.inputs)):
            path = project / start
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and "__pycache__" not in file.parts:
                    yield file.relative_to(project)

    def key(self, project: Path = PROJECT) -> str:
        """Return its name in the cache; it changes with any file's name, mode or content, and with what it uses."""
        recipe: list[str | Path] = [platform.machine()]
        recipe += [IMAGES[used].key(project) for used in self.uses]
        recipe += [binaries.key(program) for program in self.programs]
        for file in self.files(project):
            recipe += [f"{file} {(project / file).stat().st_mode:o}", project / file]
        return cache.recipe_key("dev", *recipe)


_ABOUT = ("pyproject.toml", "README.md", "LICENSE")
_PACKAGE = ("requirements/build.txt", "requirements/operator.txt", *_ABOUT, "src/amalthea")

IMAGES = {
    image.name: image
    for image in (
        Image("base", uses=()),
        Image("package", _PACKAGE),
        Image("pause"),
        Image("operator", uses=("package",)),
        Image("sidecars", uses=("base", "package")),
        Image("cloner", uses=("sidecars",)),
        Image("jupyterlab", ("requirements/jupyterlab.txt",)),
        Image("probe"),
        Image("oauth2-proxy", programs=("oauth2-proxy",)),
    )
}
SESSION_IMAGES = ("operator", "sidecars", "cloner", "jupyterlab", "probe")
"""The images that are built and loaded by default: the others are parts of these, `pause` is the node's own,
and `oauth2-proxy` is for the tests.
"""


def archive(name: str, progress: Progress | None = None, builder: Builder | None = None) -> Path:
    """Return the docker-archive of image `name`, built first where it is missing, damaged or out of date.

    Raise KeyError for an image that does not exist, MachineError where nothing here can build one, and
    ImageBuildError with the builder's last words where building fails.
    """
    progress = progress or Progress()
    image = IMAGES[name]

    def build_into(folder: Path) -> None:
        _build(image, folder / ARCHIVE, progress, builder or find_builder(progress))

    folder = cache.artefact(f"image-{name}", image.key(), build_into, progress)
    _forget_old(folder.parent)
    return folder / ARCHIVE


def build(names: Sequence[str], progress: Progress) -> None:
    """Build the named images, or those of a session where none is named."""
    for name in names or SESSION_IMAGES:
        progress.say(f"{IMAGES[name].reference}: {archive(name, progress)}")


def _build(image: Image, target: Path, progress: Progress, builder: Builder) -> None:
    uses = {used.upper(): archive(used, progress, builder) for used in image.uses}
    if not uses and (debian := builder.debian(progress)) is not None:
        uses = {"BASE": debian}
    with TemporaryDirectory(prefix="amalthea-image-") as folder, progress.step(f"Building image {image.name}"):
        context = Path(folder)
        for file in image.files():
            (context / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / file, context / file)
        for program in image.programs:
            (context / "programs").mkdir(exist_ok=True)
            shutil.copy2(binaries.path(program, progress), context / "programs")
        builder.build(Recipe(image.reference, context, image.dockerfile, uses), target)


def _forget_old(builds: Path) -> None:
    """Remove all builds of an image but the newest few."""
    folders = [path for path in builds.iterdir() if path.is_dir() and not path.name.startswith(".")]
    folders.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for folder in folders[KEPT_ARCHIVES:]:
        shutil.rmtree(folder, ignore_errors=True)
