"""The kustomize files with an image of one's own in them; the files themselves stay as they are.

`python -m tools.manifests IMAGE` prints what `make deploy IMG=IMAGE` applies.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import yaml

from tools.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "config"
PLACEHOLDER = "controller"
"""The name of the image in config/manager/manager.yaml, as in the Go operator's files."""
SIDECARS = "SIDECARS_IMAGE"


def render(image: str = "", sidecars: str = "", folder: str = "default") -> str:
    """Return what `config/<folder>` builds (YAML), with other images than its own where they are given.

    Raises:
        ToolError: kubectl cannot build it.
    """
    with tempfile.TemporaryDirectory(prefix="amalthea-config-") as scratch:
        copy = Path(scratch) / "config"
        shutil.copytree(CONFIG, copy)
        if image:
            _set_image(copy / "manager" / "kustomization.yaml", image)
        text = Kubectl().run("kustomize", str(copy / folder))
    return _with_sidecars(text, sidecars) if sidecars else text


def image_entry(image: str) -> dict[str, str]:
    """Return an image as an entry of a kustomization's `images`."""
    name, at, digest = image.partition("@")
    if at:
        return {"name": PLACEHOLDER, "newName": name, "digest": digest}
    host, slash, path = name.rpartition("/")
    path, _, tag = path.partition(":")
    return {"name": PLACEHOLDER, "newName": f"{host}{slash}{path}", "newTag": tag or "latest"}


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


if __name__ == "__main__":
    sys.stdout.write(render(sys.argv[1] if len(sys.argv) > 1 else "", os.environ.get("SIDECARS_IMG", "")))
