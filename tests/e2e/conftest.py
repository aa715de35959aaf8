"""A cluster with real pods, our operator in it as a release of our chart, and names for the tests' sessions.

All programs and images are built, with visible progress, before the first test starts. A lab that is up already is
used and left up; whatever else runs on it is not touched: the tests have namespaces and host names of their own.
"""

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.base import state, system
from lab.base.progress import Progress
from lab.base.state import Profile
from lab.base.system import MachineError
from lab.cluster import admin, image_loaders
from lab.cluster.admin import Admin
from lab.cluster.release import Release
from lab.control_plane.api import Api
from lab.images import images
from lab.programs import binaries
from lab.programs.gobuild import BuildError
from tests.e2e.cluster import explainer, wait_until_sessions_can_own
from tests.e2e.firewall import IPSET
from tests.e2e.operator_pod import Installation
from tests.support.world import World

HERE = Path(__file__).parent
TIMEOUT = 240.0
"""Seconds for a test with its fixtures, where it names no time of its own: real pods take theirs."""
OAUTH2_PROXY = ("--set=oauth2Proxy.image.repository=docker.io/amalthea/oauth2-proxy", "--set=oauth2Proxy.image.tag=dev")
"""Values of the chart: a node need not reach the registry of oauth2-proxy, and gets a build of the same."""
CHROMIUM = (system.Package("chromium", "chromium"), system.Package("libnss3-tools", "certutil"))
CRD = "amaltheasessions.amalthea.dev"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--picture", action="store_true", help="write docs/session.png anew (tests/e2e/test_browser.py)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test here the time that it needs."""
    for item in _own(items):
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build and install what is missing, unless the tests are only listed."""
    if _own(session.items) and not session.config.option.collectonly:
        progress = Progress()
        capture = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            try:
                system.ensure((*CHROMIUM, IPSET), progress)
                binaries.build(["full", "firewall"], progress)
                images.build((*images.SESSION_IMAGES, "oauth2-proxy"), progress)
            except (BuildError, MachineError) as error:
                pytest.exit(str(error), returncode=1)


def _own(items: list[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if HERE in item.path.parents]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Admin]:
    """The cluster that is up, or else one that goes down with the tests. It has today's images."""
    profile = admin.wanted_profile()
    was_up = state.folder(profile).exists()
    _lab("up", profile)
    image_loaders.load((*images.SESSION_IMAGES, "oauth2-proxy"), Progress())
    yield admin.up(Progress())
    if not was_up:
        _lab("down", profile)


def _lab(command: str, profile: Profile) -> None:
    """Call the lab's command line: what is started by it outlives it, and would trouble pytest as its own child."""
    subprocess.run((sys.executable, "-m", "lab", command, "--profile", profile), check=True)


@pytest.fixture(scope="session")
def api(cluster: Admin, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """The administrator's client."""
    return admin.api_of(cluster, tmp_path_factory.mktemp("administrator"))


@pytest.fixture(scope="session")
def crd(cluster: Admin) -> Iterator[None]:
    """Takes the CRD away at the end, if it came with the tests: releases leave it."""
    was_there = cluster.get("crd", CRD, "default") is not None
    yield
    if not was_there:
        cluster.kubectl("delete", "crd", CRD)


@pytest.fixture(scope="session")
def new_release(cluster: Admin, crd: None) -> Iterator[Callable[[], Release]]:  # noqa: ARG001 (outlives them)
    """Returns releases that are not installed yet, each for a namespace of its own, which goes with the tests."""
    made: list[Release] = []

    def new() -> Release:
        made.append(Release(cluster, f"e2e-{secrets.token_hex(3)}"))
        return made[-1]

    yield new
    for release in made:
        release.uninstall()
        cluster.kubectl("delete", "namespace", release.namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="session")
def operator(cluster: Admin, api: Api, new_release: Callable[[], Release]) -> Installation:
    """Our operator as a pod, under exactly the chart's Role. Most tests share it, and its namespace."""
    release = new_release()
    release.install("--set=culling.usageInterval=3s", *OAUTH2_PROXY)
    wait_until_sessions_can_own(release)
    return Installation(release, World(api, release.namespace, explainer(cluster, release)))


@pytest.fixture
def world(operator: Installation) -> World:
    """The namespace that the operator serves."""
    return operator.world


@pytest.fixture
def names(world: World) -> Iterator[Callable[[], str]]:
    """Returns names that no other session has. What is left of their sessions goes with the test."""
    given: list[str] = []

    def new() -> str:
        given.append(f"e2e-{secrets.token_hex(3)}")
        return given[-1]

    yield new
    for name in given:
        world.delete("AmaltheaSession", name)
        world.wait_until_gone("AmaltheaSession", name)


@pytest.fixture
def name(names: Callable[[], str]) -> str:
    """A name that no other session has."""
    return names()
