"""`make docker-build`, `docker-build-sidecars`, `docker-build-cloner`, `docker-push`: with docker, podman or buildah.

An image stands on others of ours, which are built first; the tool's own cache makes that quick.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from amalthea import __version__
from lab.images.builders import BUILDKIT, Recipe, build_options, docker_builds
from lab.images.images import IMAGES, Image
from tools.kubectl import ToolError
from tools.manifests import ROOT, check_image

SOURCE = "https://github.com/SwissDataScienceCenter/amalthea"
TITLES = {
    "operator": "Amalthea's operator",
    "sidecars": "The programs beside a session of Amalthea",
    "cloner": "Amalthea's cloner of repositories",
}
VARIABLES = {"operator": "IMG", "sidecars": "SIDECARS_IMG", "cloner": "CLONER_IMG"}
"""Where the Makefile has the name of each image."""
OPTIONS = "BUILD_OPTIONS"
"""The variable with more options of each build, such as --network=host."""
_BUILD = {"docker": ("docker", "build"), "podman": ("podman", "build"), "buildah": ("buildah", "build")}


def labels(name: str) -> dict[str, str]:
    """Return the labels of an image, as the OCI's image specification names them; the same for the same commit."""
    return {
        "org.opencontainers.image.title": TITLES[name],
        "org.opencontainers.image.version": __version__,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.source": SOURCE,
        "org.opencontainers.image.url": SOURCE,
        "org.opencontainers.image.revision": _git("rev-parse", "HEAD"),
        "org.opencontainers.image.created": _git("show", "--no-patch", "--format=%cI", "HEAD"),
    }


def build(name: str, reference: str, tool: str, debian: str = "") -> None:
    """Build image `name` as `reference`; `debian` is a Debian 13 for networks in which the public one is not reached.

    Raises:
        ToolError: the name cannot be one, the tool is unknown or not there, or it could not build.
    """
    image = IMAGES[name]
    check_image(VARIABLES[name], reference)  # the tool would say so after the builds of all that the image stands on
    _command(tool)
    _require(tool)
    if tool == "docker" and not docker_builds():
        raise ToolError(
            "this docker command has no BuildKit, which the Dockerfiles need: install its plugin buildx, "
            "or name another tool by CONTAINER_TOOL=podman or buildah."
        )
    for each in _in_order(image):
        images = {used.upper(): IMAGES[used].reference for used in each.uses}
        if not images and debian:
            images = {"BASE": debian}
        tag = reference if each is image else each.reference
        options = build_options(Recipe(tag, ROOT, each.dockerfile, {}), images)
        options = [*shlex.split(os.environ.get(OPTIONS, "")), *options]
        if each is image:
            options = [*(f"--label={key}={value}" for key, value in labels(name).items()), *options]
        sys.stdout.write(f"Building {tag} ...\n")
        sys.stdout.flush()
        _run(tool, *_command(tool), *options)


def push(reference: str, tool: str) -> None:
    """Push an image; raise ToolError."""
    check_image("IMG", reference)
    _run(tool, tool, "push", reference)


def check_buildx(variable: str, reference: str, tool: str) -> None:
    """Raise ToolError if an image cannot be built for several CPU architectures; `variable` has its name."""
    check_image(variable, reference)
    if tool != "docker":
        raise ToolError(f"CONTAINER_TOOL is {tool!r}; only docker, with its plugin buildx, can do this.")
    _require(tool)
    # Without the plugin, `docker buildx version` is the help of docker itself, and succeeds on some versions.
    asked = subprocess.run((tool, "buildx", "bake", "--help"), capture_output=True, text=True, check=False)
    if asked.returncode or "--push" not in asked.stdout:
        raise ToolError("this docker command has no plugin buildx: install it.")


def _in_order(image: Image) -> list[Image]:
    """Return the images that one stands on, each after those that it stands on itself, and the image at last."""
    found: list[Image] = []
    for used in image.uses:
        found += [each for each in _in_order(IMAGES[used]) if each not in found]
    return [*found, image]


def _command(tool: str) -> Sequence[str]:
    if tool not in _BUILD:
        raise ToolError(f"CONTAINER_TOOL is {tool!r}; it can be {', '.join(_BUILD)}.")
    return _BUILD[tool]


def _require(tool: str) -> None:
    if shutil.which(tool) is None:
        raise ToolError(f"{tool} is not installed; name another by CONTAINER_TOOL=docker, podman or buildah.")


def _run(tool: str, *command: str) -> None:
    _require(tool)
    done = subprocess.run(command, check=False, env={**os.environ, **BUILDKIT})
    if done.returncode:
        raise ToolError(f"`{' '.join(command[:2])}` failed; its output is above.")


def _git(*arguments: str) -> str:
    done = subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main() -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.images", description=__doc__)
    parser.add_argument("--target", default="docker-build", help="of the Makefile, for messages")
    parser.add_argument("--tool", default="docker", help="docker, podman or buildah")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("build")
    making.add_argument("name", choices=TITLES)
    making.add_argument("reference")
    making.add_argument("--debian", default="", help="an image of Debian 13 to stand on")
    commands.add_parser("push").add_argument("reference")
    several = commands.add_parser("check-buildx")
    several.add_argument("variable", help="of the Makefile, which has the name")
    several.add_argument("reference")
    given = parser.parse_args()
    try:
        _command(given.tool)
        if given.command == "build":
            build(given.name, given.reference, given.tool, given.debian)
        elif given.command == "check-buildx":
            check_buildx(given.variable, given.reference, given.tool)
        else:
            push(given.reference, given.tool)
    except ToolError as error:
        sys.stderr.write(f"make {given.target}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
