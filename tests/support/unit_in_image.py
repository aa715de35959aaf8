"""Runs the unit tests on the Python of the images: `python -m tests.support.unit_in_image [arguments of pytest]`.

The image `sidecars` holds the package, and git, but no test tools. They are installed for its version of Python into
the cache, from the same pinned requirements, and shown to it beside the checkout.
"""

import os
import subprocess
import sys
from pathlib import Path

from lab.base import cache
from lab.base.progress import Progress
from lab.base.project import PROJECT
from tests.support import image_root

_REQUIREMENTS = PROJECT / "requirements" / "dev.txt"
_SCRIPT = 'cd "$1"; shift; exec /opt/amalthea/bin/python -m pytest -p no:cacheprovider "$@"'


def main(arguments: list[str]) -> int:
    """Run pytest in the image and return its exit code."""
    root = image_root.unpacked("sidecars")
    version = next((root / "opt/amalthea/lib").glob("python3*")).name.removeprefix("python")
    key = cache.recipe_key(version, _REQUIREMENTS)
    tools = cache.artefact("test-tools", key, lambda folder: _install(version, folder), Progress())
    words = ("/bin/sh", "-c", _SCRIPT, "sh", str(PROJECT), *arguments)
    command = image_root.command("sidecars", *words, shown=(PROJECT, tools))
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(tools)}, check=False).returncode


def _install(version: str, folder: Path) -> None:
    uv = (str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--python-version", version)
    with Progress().step(f"Installing the test tools for Python {version}"):
        subprocess.run([*uv, "--target", str(folder), "--require-hashes", "-r", str(_REQUIREMENTS)], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
