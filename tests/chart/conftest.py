"""A real API server for the chart's tests, and Helm and kubectl, built with visible progress before the first test."""

from collections.abc import Iterator

import pytest

from lab.base.progress import Progress
from lab.control_plane.control_plane import ControlPlane
from lab.control_plane.flags import Settings
from lab.programs import binaries
from tests.chart.installation import OPERATOR


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing in the lab's cache, unless the tests are only listed."""
    if session.items and not session.config.option.collectonly:
        capture = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            binaries.build(["control-plane", "helm"], Progress())


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Return an API server with a controller manager and an audit log of the operator, and nothing installed.

    It streams no lists, as older ones: so the operator has to list, too, and the audit log shows it.
    """
    settings = Settings(
        controller_manager=True, audit_user=OPERATOR, api_server_flags={"feature-gates": "WatchList=false"}
    )
    with ControlPlane(tmp_path_factory.mktemp("cluster"), settings) as started:
        yield started
