"""The tests of this folder under the Role of the Go operator's chart: `OLD_ROLE=1 pytest tests/api/operator`.

The operator has to work with the image alone changed in the old chart. What it cannot do then is listed here.
"""

import os
from pathlib import Path

import pytest
import yaml

from lab.control_plane.control_plane import ControlPlane
from tests.support import accounts
from tests.support.world import World

CHART = Path(__file__).parents[2] / "data" / "recorded" / "chart.yaml"
"""The Go operator's chart as Helm renders it, recorded with the sessions beside it."""

ACCOUNT = "old-operator"
IN_FORCE = bool(os.environ.get("OLD_ROLE"))

_JOB = "the Role does not let jobs be deleted: a resumed one runs again as it was"
_CLAIM = "the Role does not let claims be deleted: that of another source stays, and the session says so"
_CLUSTER = "the operator watches all namespaces, which a Role does not allow"
CANNOT = {
    "test_claims_of_removed_data_sources_go_with_the_pod_and_the_session_comes_back_without": _CLAIM,
    "test_a_data_source_of_another_secret_gets_a_new_claim": _CLAIM,
    "test_a_source_that_moves_up_is_not_mounted_with_the_data_of_the_one_before": _CLAIM,
    "test_another_secret_that_comes_with_the_resume_is_in_place_before_the_pod": _CLAIM,
    "test_a_paused_job_is_made_anew_with_a_new_run": _JOB,
    "test_a_webhook_in_whatever_mood_harms_and_hides_no_session": _CLUSTER,
}
"""Tests that cannot pass, each with the reason."""


def kubeconfig(control_plane: ControlPlane, world: World, folder: Path) -> Path:
    """Return a kubeconfig that may do in the namespace what the old chart's operator may, and nothing else."""
    path = accounts.kubeconfig(control_plane, world, ACCOUNT, folder)
    for found in yaml.safe_load_all(CHART.read_text()):
        if found is not None and found["kind"] == "Role":
            accounts.bind(world, ACCOUNT, found)
    return path


def leave_out(items: list[pytest.Item]) -> None:
    """Skip the tests that cannot pass under the Role, where it is in force."""
    for item in items:
        reason = CANNOT.get(getattr(item, "originalname", item.name))
        if IN_FORCE and reason is not None:
            item.add_marker(pytest.mark.skip(reason=f"under the old chart's Role: {reason}"))
