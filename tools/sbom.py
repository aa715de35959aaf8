"""`make sbom`: what an image holds (CycloneDX 1.6, JSON), asked of the image itself: Debian's packages and Python's.

What `make docker-buildx` pushes carries an SBOM as an attestation; this is for images that were built in another way.
"""

import argparse
import subprocess
import sys

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tools.kubectl import ToolError
from tools.manifests import check_image

TOOLS = ("docker", "podman")
_DEBIAN = r"dpkg-query --show --showformat '${Package} ${Version} ${Architecture}\n'"
_PYTHON = "cd / && ls -d opt/amalthea/lib/python3*/site-packages/*.dist-info"
_ASKED = f"{_DEBIAN} && echo && {_PYTHON}"


def sbom(image: str, tool: str) -> str:
    """Return the document; raise ToolError where the image cannot be asked."""
    check_image("IMG", image)
    if tool not in TOOLS:
        raise ToolError(f"CONTAINER_TOOL is {tool!r}; {' or '.join(TOOLS)} can run an image to ask it.")
    command = (tool, "run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", _ASKED)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ToolError(
            f"{tool} cannot be started ({error.strerror}); name one by CONTAINER_TOOL=docker or podman."
        ) from error
    if done.returncode:
        raise ToolError(f"{image} cannot be read: {done.stderr.strip()}")
    return document(image, done.stdout)


def document(image: str, said: str) -> str:
    """Return the document on an image, from the packages of Debian, an empty line and the folders of Python's."""
    debian, _, python = said.partition("\n\n")
    components = [_debian(*line.split()) for line in debian.splitlines()]
    components += [_python(line) for line in python.splitlines()]
    name, _, version = image.rpartition(":")
    bom = Bom(components=components)
    container = Component(name=name or image, version=version, type=ComponentType.CONTAINER, bom_ref=image)
    bom.metadata.component = container
    bom.register_dependency(container, components)
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return text + "\n"


def _debian(name: str, version: str, architecture: str) -> Component:
    url = PackageURL("deb", "debian", name, version, {"arch": architecture, "distro": "debian-13"})
    return Component(name=name, version=version, purl=url, bom_ref=str(url))


def _python(folder: str) -> Component:
    name, _, version = folder.rpartition("/")[2].removesuffix(".dist-info").rpartition("-")
    url = PackageURL("pypi", None, name.lower().replace("_", "-"), version)
    return Component(name=name, version=version, purl=url, bom_ref=str(url))


def main() -> None:
    """Write the document, or why there is none."""
    parser = argparse.ArgumentParser(prog="python -m tools.sbom", description=__doc__)
    parser.add_argument("image")
    parser.add_argument("--tool", default="docker")
    given = parser.parse_args()
    try:
        sys.stdout.write(sbom(given.image, given.tool))
    except ToolError as error:
        sys.exit(f"make sbom: {error}")


if __name__ == "__main__":
    main()
