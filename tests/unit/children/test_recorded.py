"""Our children of the seven recorded sessions are those of the Go operator.

Without an API server its defaults are a table here; tests/api/test_recorded.py asks a real one.
"""

import pytest

from amalthea.children.manifests import children
from tests import recorded

_DEFAULTS: dict[str, tuple[object, ...]] = {
    "completionMode": ("NonIndexed",),
    "defaultMode": (420,),
    "dnsPolicy": ("ClusterFirst",),
    "failureThreshold": (3,),
    "imagePullPolicy": ("IfNotPresent",),
    "internalTrafficPolicy": ("Cluster",),
    "ipFamilies": (["IPv4"],),
    "ipFamilyPolicy": ("SingleStack",),
    "manualSelector": (False,),
    "periodSeconds": (10,),
    "persistentVolumeClaimRetentionPolicy": ({"whenDeleted": "Retain", "whenScaled": "Retain"},),
    "podReplacementPolicy": ("TerminatingOrFailed",),
    "protocol": ("TCP",),
    "resources": ({},),
    "restartPolicy": ("Always",),
    "revisionHistoryLimit": (10,),
    "schedulerName": ("default-scheduler",),
    "scheme": ("HTTP",),
    "serviceAccount": ("default",),
    "sessionAffinity": ("None",),
    "successThreshold": (1,),
    "terminationGracePeriodSeconds": (30,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "timeoutSeconds": (1,),
    "type": ("ClusterIP", "Opaque"),
    "updateStrategy": ({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},),
    "volumeMode": ("Filesystem",),
}
"""What the API server (Kubernetes 1.34) fills in where nothing is said."""


@pytest.mark.parametrize("name", recorded.NAMES)
def test_no_session_of_the_go_operator_would_look_different(name: str) -> None:
    theirs = recorded.load(name)
    ours = {
        (child["kind"], child["metadata"]["name"]): child for child in children(theirs.subject(), theirs.material())
    }
    assert set(ours) == set(theirs.children)

    for key, child in ours.items():
        found = recorded.differences(recorded.comparable(child), recorded.comparable(theirs.children[key]))
        unexplained = [difference for difference in found if not _filled_in(*difference)]
        assert recorded.by_path(unexplained) == theirs.expected_differences(key), key


def _filled_in(path: str, ours: object, theirs: object) -> bool:
    """Return whether only the API server is behind a difference: a default, or an empty value that it leaves out."""
    return (ours == recorded.ABSENT and theirs in _DEFAULTS.get(path.rpartition(".")[2], ())) or (
        ours == "" and theirs == recorded.ABSENT
    )
