"""`make chart-package`: the chart as a file, and the index that makes a folder of such files a Helm repository.

`python -m tools.chart FOLDER URL [INDEX]`; INDEX is that of the repository so far, whose other versions stay in it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from lab.base.progress import Progress
from lab.programs import binaries
from lab.programs.gobuild import BuildError
from tools.kubectl import ToolError
from tools.manifests import ROOT

PAGES = "https://github.com/SwissDataScienceCenter/amalthea/blob/main"
"""The address of this project's files: in a packaged chart, a relative link leads nowhere."""
CHART = ROOT / "charts" / "amalthea-sessions"


def package(folder: Path, url: str, index: Path | None = None) -> Path:
    """Write the chart and `index.yaml` to `folder` and return the chart's path; `url` is where they will be served.

    Raises:
        ToolError: the index or the address cannot be right, or Helm refused.
    """
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.netloc:
        raise ToolError(f"CHART_URL={url} is not an address; write where it is served, as https://charts.example.org.")
    if index and not index.is_file():  # Helm would begin an empty one, and every older version would be lost
        raise ToolError(f"CHART_INDEX={index} is not there; download the repository's index.yaml first.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(f"DIST cannot be written: {error}.") from error
    _helm("lint", "--strict", str(CHART))
    with tempfile.TemporaryDirectory(prefix="amalthea-chart-") as scratch:
        copy = shutil.copytree(CHART, Path(scratch) / CHART.name)
        readme = copy / "README.md"
        readme.write_text(readme.read_text().replace("](../../", f"]({PAGES}/"))
        packed = Path(_helm("package", str(copy), "--destination", str(folder)).rpartition(": ")[2].strip())
    merge = ("--merge", str(index)) if index else ()
    _helm("repo", "index", str(folder), "--url", url, *merge)
    return packed


def _helm(*arguments: str) -> str:
    """Run the Helm that is installed, else the lab's own, which is built at the first time."""
    try:
        chosen = os.environ.get("HELM") or shutil.which("helm") or str(binaries.path("helm", Progress()))
        done = subprocess.run([chosen, *arguments], capture_output=True, text=True, check=False)
    except BuildError as error:
        raise ToolError(f"{error}\nName a Helm that is installed by HELM=….") from error
    except OSError as error:
        raise ToolError(f"Helm cannot be started ({error}); name one by HELM=….") from error
    if done.returncode:
        raise ToolError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def main(folder: str, url: str, index: str = "") -> None:
    """Write the package and say where it is."""
    try:
        packed = package(Path(folder), url, Path(index) if index else None)
    except ToolError as error:
        sys.exit(f"make chart-package: {error}")
    sys.stdout.write(f"{packed}\n{packed.parent / 'index.yaml'}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
