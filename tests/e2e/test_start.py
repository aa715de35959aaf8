"""From a start to an open page, timed on real pods: the short form of `make bench-start`, with its bounds."""

from collections.abc import Iterator

import pytest

from bench.start_figures import (
    CREATE_TO_PAGE,
    OPEN_AFTER_PROGRAM,
    PAUSED_AFTER_END,
    RESUME_TO_PAGE,
    after_program,
    page_opened,
    waited_for,
)
from bench.stopwatch import Stopwatch, Subject
from lab.cluster.admin import Admin
from lab.cluster.localhost import with_port
from tests.e2e.specs import environment
from tests.e2e.test_door import behind_a_door
from tests.support.world import World

PORT = 8888
DELAY = 3.0
"""Seconds before the program answers: long enough for early visitors, and no whole number of probes."""
SLOWLY = environment(PROBE_START_DELAY=f"{DELAY:g}")


@pytest.fixture
def watch(world: World, cluster: Admin, name: str) -> Iterator[Stopwatch]:
    """A stopwatch for a session behind a door."""
    if cluster.profile != "full":
        pytest.skip("the bounds are those of the lab's node: a kind cluster makes each volume by a pod, for seconds")
    world.secret(name, auth="token: the-key\n")
    pages = {"Traefik": with_port(f"http://{name}.localhost/", cluster.http_port)}
    started = Stopwatch(world.api, Subject(world.namespace, name, PORT, "/", pages, "the-key"))
    yield started
    started.close()


def test_a_session_opens_when_its_program_answers_and_early_visitors_wait_at_its_door(
    world: World, name: str, watch: Stopwatch
) -> None:
    started = watch.start(lambda: world.session(name, behind_a_door(name, env=SLOWLY)))
    assert after_program(started) <= OPEN_AFTER_PROGRAM, started
    assert page_opened(started) <= CREATE_TO_PAGE + DELAY, started
    assert not list(waited_for(started, {})), started
    paused = watch.pause(lambda: world.patch_spec(name, hibernated=True))
    assert paused["hibernated"] - paused["ended"] <= PAUSED_AFTER_END, paused
    resumed = watch.start(lambda: world.patch_spec(name, hibernated=False))
    assert after_program(resumed) <= OPEN_AFTER_PROGRAM, resumed
    assert page_opened(resumed) <= RESUME_TO_PAGE + DELAY, resumed
