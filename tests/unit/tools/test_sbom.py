"""A bill of materials that a scanner cannot read protects nobody."""

import json

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools.sbom import document

SAID = """libc6 2.41-12 amd64
python3 3.13.5-1 all

opt/amalthea/lib/python3.13/site-packages/aiohttp-3.13.2.dist-info
opt/amalthea/lib/python3.13/site-packages/prometheus_client-0.23.1.dist-info
"""


def test_each_package_of_debian_and_of_python_is_named_as_scanners_do() -> None:
    text = document("127.0.0.1:5000/amalthea/operator:1.0.0", SAID)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    assert {each["purl"] for each in bom["components"]} == {
        "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13",
        "pkg:deb/debian/python3@3.13.5-1?arch=all&distro=debian-13",
        "pkg:pypi/aiohttp@3.13.2",
        "pkg:pypi/prometheus-client@0.23.1",
    }
    about = bom["metadata"]["component"]
    assert (about["name"], about["version"]) == ("127.0.0.1:5000/amalthea/operator", "1.0.0")
