"""Fixtures of all sidecars' tests: this machine's servers and tools, and the image unpacked."""

import platform
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

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
_LONGEST = ("slurm", "cloner")


class _ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """Gives all tests of a folder to one worker, since they share servers and ports; the door's share none."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if "/authproxy/" in file else file.rpartition("/")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Return the scheduler of several workers (pytest-xdist)."""
    config.option.loadscopereorder = False
    return _ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders that take longest: they wait for minutes, which the other worker uses."""
    items.sort(key=lambda item: _LONGEST.index(name) if (name := item.path.parent.name) in _LONGEST else len(_LONGEST))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install and build what is missing before the first test starts, unless the tests are only listed."""
    if session.config.option.collectonly or not any(_HERE in item.path.parents for item in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        system.ensure((*git.PACKAGES, *(() if sidecars.IN_IMAGE else _OF_THE_IMAGE)), Progress())
        if sidecars.IN_IMAGE:
            image_root.unpacked("sidecars")
