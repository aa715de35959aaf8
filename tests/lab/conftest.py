"""The lab's own node, started and stopped. There is one per machine, so this suite runs alone: `make test-lab`.

What takes minutes once, building programs and images, is done with visible progress before the first test starts.
"""

from pathlib import Path

import pytest

from lab.base import state
from lab.base.process import Daemons
from lab.base.progress import Progress
from lab.cluster import profiles
from lab.images import images
from lab.programs import binaries

HERE = Path(__file__).parent
TIMEOUT = 300.0
"""Seconds for a test with its fixtures: a start of the node takes about ten."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test here the time that it needs."""
    for item in _own(items):
        item.add_marker(pytest.mark.timeout(TIMEOUT))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to touch a node that somebody uses, and build what is missing, unless the tests are only listed."""
    if not _own(session.items) or session.config.option.collectonly:
        return
    if Daemons(state.folder("full"), outlive=True).running():
        pytest.exit("The lab's node is up. These tests start and stop it: run `python -m lab down` before.", 1)
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        if state.folder("full").exists():
            Progress().say("What a killed node left behind is removed.")
            profiles.down("full", Progress())
        binaries.build(["full"], Progress())
        images.build(["pause", "probe"], Progress())


def _own(items: list[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if HERE in item.path.parents]
