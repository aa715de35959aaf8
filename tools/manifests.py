"""The kustomize files with an image of one's own in them; the files themselves stay as they are.

`python -m tools.manifests --image=IMAGE --folder=FOLDER` prints what `make deploy IMG=IMAGE OVERLAY=FOLDER` applies.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from amalthea.api import references
from tools.kubectl import Kubectl, ToolError

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "config"
PLACEHOLDER = "controller"
"""The name of the image in config/manager/manager.yaml, as in the Go operator's files."""
SIDECARS = "SIDECARS_IMAGE"


def render(image: str | None = None, sidecars: str = "", folder: str = "default") -> str:
    """Return what `config/<folder>` builds (YAML), with other images than its own where they are given.

    Raises:
        ToolError: an image is not one, there is no such folder, or kubectl cannot build it.
    """
    if image is not None:
        check_image("IMG", image)
    if sidecars:
        check_image("SIDECARS_IMG", sidecars)
    if folder not in (known := overlays()):
        raise ToolError(f"OVERLAY={folder} is not there; choose one of {', '.join(known)}.")
    with tempfile.TemporaryDirectory(prefix="amalthea-config-") as scratch:
        copy = Path(scratch) / "config"
        shutil.copytree(CONFIG, copy)
        if image:
            _set_image(copy / "manager" / "kustomization.yaml", image)
        text = Kubectl().run("kustomize", str(copy / folder))
    return _with_sidecars(text, sidecars) if sidecars else text


def overlays() -> list[str]:
    """Return the folders below `config` that are a whole: the operator, and the operator with something more."""
    return ["default", *sorted(f"overlays/{each.name}" for each in (CONFIG / "overlays").iterdir())]


def image_entry(image: str) -> dict[str, str]:
    """Return an image as an entry of a kustomization's `images`."""
    name, at, digest = image.partition("@")
    if at:
        return {"name": PLACEHOLDER, "newName": name, "digest": digest}
    host, slash, path = name.rpartition("/")
    path, _, tag = path.partition(":")
    return {"name": PLACEHOLDER, "newName": f"{host}{slash}{path}", "newTag": tag or "latest"}


def check_image(variable: str, image: str) -> None:
    """Raise ToolError, with the variable of the Makefile that has it, if a text does not name an image."""
    if references.parse(image) is None:
        raise ToolError(f"{variable}={image!r} does not name an image; write it as registry/name:tag.")


def _set_image(file: Path, image: str) -> None:
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "images": [image_entry(image)]}))


def _with_sidecars(text: str, sidecars: str) -> str:
    objects = [each for each in yaml.safe_load_all(text) if each]
    (deployment,) = (each for each in objects if each["kind"] == "Deployment")
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        for variable in container["env"]:
            if variable["name"] == SIDECARS:
                variable["value"] = sidecars
    return yaml.safe_dump_all(objects, sort_keys=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what `make build-installer` writes."""
    parser = argparse.ArgumentParser(prog="python -m tools.manifests", description=__doc__)
    parser.add_argument("--image", help="the operator's image; that of the files if not given")
    parser.add_argument("--folder", default="default", help="a folder below config/, such as overlays/prometheus")
    given = parser.parse_args(arguments)
    try:
        sys.stdout.write(render(given.image, os.environ.get("SIDECARS_IMG", ""), given.folder))
    except ToolError as error:
        sys.exit(f"make build-installer: {error}")


if __name__ == "__main__":
    main()
