"""Fixtures of all sidecars' tests: this machine's servers and tools, and the image unpacked."""

import platform
from pathlib import Path

import pytest

from lab.base import system
from lab.base.progress import Progress
from lab.base.system import Package
from tests.support import git, image_root, sidecars

_LIBRARIES = f"/usr/lib/{platform.machine()}-linux-gnu"
_OF_THE_IMAGE = (
    Package("haproxy", "haproxy"),
    Package("dumb-init", "dumb-init"),
    Package("libnss-wrapper", f"{_LIBRARIES}/libnss_wrapper.so"),
)
"""The machine needs these only where its own programs are tested."""
_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests of a folder to the same worker, since they share servers; the door's have none and are divided.

    The tests on Slurm come first: they wait for minutes, which the other worker uses.
    """
    own = [item for item in items if _HERE in item.path.parents]
    for item in own:
        folder = item.path.parent
        group = item.path if folder.name == "authproxy" else folder
        item.add_marker(pytest.mark.xdist_group(str(group.relative_to(_HERE))))
    own.sort(key=lambda item: item.path.parent.name != "slurm")
    items[:] = own + [item for item in items if _HERE not in item.path.parents]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install and build what is missing before the first test starts, unless the tests are only listed."""
    if session.config.option.collectonly or not any(_HERE in item.path.parents for item in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        system.ensure((*git.PACKAGES, *(() if sidecars.IN_IMAGE else _OF_THE_IMAGE)), Progress())
        if sidecars.IN_IMAGE:
            image_root.unpacked("sidecars")
