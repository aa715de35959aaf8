"""The Go operator's chart, as far as it is known: its recorded objects as a chart, with our image in their place.

So it stands for a cluster that is about to change over, and for somebody who swapped nothing but the image.
"""

import re
from pathlib import Path

import yaml

from lab.cluster.release import Release
from lab.images import images

DATA = Path(__file__).parents[1] / "data"
IMAGE = "renku/amalthea-sessions:latest"
CHART = "apiVersion: v2\nname: amalthea-sessions\nversion: 0.0.1\n"
CRD = DATA / "amaltheasessions.crd.yaml"


def write(folder: Path, namespace: str) -> Path:
    """Write the chart for a namespace into `folder` and return that."""
    recorded = (DATA / "recorded" / "chart.yaml").read_text()
    moved = re.sub(r"(?m): renku$", f": {namespace}", recorded)
    swapped = moved.replace(IMAGE, images.IMAGES["operator"].reference)
    assert swapped.count(images.IMAGES["operator"].reference) == 1
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text(CHART)
    (folder / "templates" / "objects.yaml").write_text(swapped)
    (folder / "templates" / "crd.yaml").write_text(CRD.read_text())
    return folder


def install_crd(release: Release) -> None:
    """Put the Go operator's CRD in the place of ours, as the one that its release made. No session is lost."""
    crd = yaml.safe_load(CRD.read_text())
    crd["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    crd["metadata"]["annotations"] = {
        "meta.helm.sh/release-name": release.name,
        "meta.helm.sh/release-namespace": release.namespace,
    }
    release.admin.kubectl("replace", "--filename=-", stdin=yaml.safe_dump(crd))
