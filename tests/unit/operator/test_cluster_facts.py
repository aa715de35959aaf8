"""A pod that a cluster cannot run never starts: the form of the door follows what the cluster is."""

import pytest

from amalthea.operator.cluster_facts import Version, has_native_sidecars


@pytest.mark.parametrize(
    ("version", "native"),
    [
        (Version("1", "28"), False),
        (Version("1", "28+"), False),
        (Version("1", "29"), True),
        (Version("1", "29+"), True),
        (Version("1", "100"), True),
        (Version("2", "0"), True),
        (Version("0", "99"), False),
        (Version(), False),
        (Version("1", "x"), False),
        (Version("v1", "34"), False),
    ],
)
def test_a_cluster_has_native_sidecars_from_1_29_on(version: Version, native: bool) -> None:
    assert has_native_sidecars(version) is native
