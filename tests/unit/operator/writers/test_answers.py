"""What the API server refuses must name the field that its user can change."""

import pytest

from amalthea.kube.errors import ErrorDetails, Forbidden
from amalthea.operator.writers.answers import forbidden, refused

OWN, SOURCE = ("PersistentVolumeClaim", "demo"), ("PersistentVolumeClaim", "amalthea-demo-ds-0")
QUOTA = 'persistentvolumeclaims "demo" is forbidden: exceeded quota: q, requested: requests.storage=10Gi'
RANGE = "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi"


@pytest.mark.parametrize(("claim", "named"), [(OWN, True), (SOURCE, False)], ids=["own volume", "data source"])
def test_a_volume_that_is_too_large_names_its_field(claim: tuple[str, str], *, named: bool) -> None:
    full = forbidden(claim, Forbidden(ErrorDetails(403, "Forbidden", QUOTA), "create"))
    assert full is not None
    assert ("lower spec.session.storage.size, or ask for more" in full.message) == named
    assert refused(claim, RANGE).message.endswith("Change spec.session.storage.size.") == named
