"""`make dockerfile`: the Dockerfile at the root, in which all published images are stages: `docker build .` is enough.

It is written from the files below `images/`, which stand on each other by name, for tools that know one file only.
"""

import re
import sys

from lab.images.images import IMAGES, Image
from tools.manifests import ROOT

STAGES = ("base", "package", "sidecars", "cloner", "jupyterlab", "probe", "operator")
"""Each after those that it stands on; the last one is what `docker build` makes if no target is named."""
FILE = ROOT / "Dockerfile"
HEAD = """\
# All published images: the operator's, and with --target=sidecars, cloner, jupyterlab or probe another one.
# Written by `make dockerfile` from images/*/Dockerfile: change those.
"""
_FROM = re.compile(r"^FROM (\S+)(?: AS (\S+))?$", re.MULTILINE)


def render() -> str:
    """Return the file's text."""
    return "\n".join([HEAD, *(stages(IMAGES[name], (ROOT / IMAGES[name].dockerfile).read_text()) for name in STAGES)])


def stages(image: Image, text: str) -> str:
    """Return an image's Dockerfile as stages that stand on those of other images.

    Stages of its own inside get its name before theirs, and the last one gets its name alone.
    """
    for used in image.uses:
        text = re.sub(rf"^ARG {used.upper()}=.*\n", "", text, flags=re.MULTILINE)
        text = text.replace(f"${{{used.upper()}}}", used)
    for inner in (found[2] for found in _FROM.finditer(text) if found[2]):
        text = text.replace(f" AS {inner}\n", f" AS {image.name}-{inner}\n")
        text = text.replace(f"--from={inner} ", f"--from={image.name}-{inner} ")
    return re.sub(r"^(FROM \S+)$", rf"\1 AS {image.name}", text, flags=re.MULTILINE)


def main() -> None:
    """Write the file."""
    FILE.write_text(render())
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
