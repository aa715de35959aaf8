"""Two operators at once would undo each other's work: a Lease that is held is distinguished from one that ran out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tools import run
from tools.kubectl import Kubectl, ToolError

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class Leases(Kubectl):
    """A cluster with some Leases."""

    def __init__(self, *specs: dict[str, Any]) -> None:
        super().__init__()
        object.__setattr__(self, "specs", specs)

    def items(self, kind: str, *options: str) -> list[dict[str, Any]]:
        assert kind == "leases.coordination.k8s.io"
        assert f"--field-selector=metadata.name={run.LEASE}" in options
        specs: tuple[dict[str, Any], ...] = vars(self)["specs"]
        return [{"metadata": {"namespace": "renku"}, "spec": spec} for spec in specs]


def renewed(ago: float) -> dict[str, Any]:
    moment = (NOW - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"holderIdentity": "pod-1", "leaseDurationSeconds": 15, "renewTime": moment}


class LeasesOfOne(Leases):
    """A cluster in which somebody may read the Leases of one namespace."""

    def items(self, kind: str, *options: str) -> list[dict[str, Any]]:
        if "--namespace=team" not in options:
            raise ToolError(
                'Error from server (Forbidden): leases.coordination.k8s.io is forbidden: User "a" cannot list'
            )
        return super().items(kind, *options)


def test_who_may_read_the_leases_of_one_namespace_can_serve_that_one() -> None:
    assert run.holders(LeasesOfOne(renewed(1)), NOW, "team") == ["renku/pod-1"]
    with pytest.raises(ToolError, match="Forbidden"):
        run.holders(LeasesOfOne(renewed(1)), NOW)


@pytest.mark.parametrize(
    ("spec", "holds"),
    [
        (renewed(14), True),
        (renewed(-30), True),
        (renewed(16), False),
        ({**renewed(1), "holderIdentity": ""}, False),
        ({"holderIdentity": "pod-1"}, False),
        ({}, False),
    ],
    ids=["renewed", "clock ahead", "run out", "released", "never renewed", "empty"],
)
def test_a_lease_is_held_until_it_runs_out(spec: dict[str, Any], *, holds: bool) -> None:
    assert run.holders(Leases(spec), NOW) == (["renku/pod-1"] if holds else [])
