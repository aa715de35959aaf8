"""A session's program must not start, and take the door's ports, before the door listens on them."""

import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.sidecars.cloner.conftest import Commits
from tests.sidecars.cloner.machine import Cloner
from tests.support.git_server import GitServer


class Door(ThreadingHTTPServer):
    """A door that answers 200 once it is open: until then 503."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.open = False
        self.asked = 0
        self.was_asked = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/health"


class _Handler(BaseHTTPRequestHandler):
    server: Door

    def do_GET(self) -> None:
        self.server.asked += 1
        self.server.was_asked.set()
        self.send_response(200 if self.server.open and self.path == "/health" else 503)
        self.end_headers()

    def log_request(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def doors() -> Iterator[tuple[Door, Door]]:
    """One door that is open, and one that is closed."""
    made = Door(), Door()
    made[0].open = True
    yield made
    for door in made:
        door.shutdown()
        door.server_close()


@pytest.fixture
def waiting(cloner: Cloner, server: GitServer, project: Commits, doors: tuple[Door, Door]) -> Cloner:
    """A cloner that is to wait for both doors."""
    del project, server
    cloner.variables["CLONER_AWAITED_DOORS"] = ",".join(door.address for door in doors)
    return cloner


def test_the_cloner_ends_only_once_every_door_answers_and_asks_none_again(
    waiting: Cloner, server: GitServer, doors: tuple[Door, Door]
) -> None:
    with waiting.start("clone", "--remote", server.address("project"), "--path", str(waiting.volume)) as process:
        assert process.stderr is not None
        log = iter(process.stderr.readline, b"")
        assert any(f"does not answer yet at {doors[1].address}".encode() in line for line in log)
        assert (waiting.volume / "project" / "notes.txt").exists()
        assert process.poll() is None
        doors[1].open = True
        assert process.wait(timeout=30) == 0
    assert doors[0].asked == 1


def test_a_pause_while_it_waits_is_not_said_to_have_removed_the_clone(
    waiting: Cloner, server: GitServer, doors: tuple[Door, Door]
) -> None:
    with waiting.start("clone", "--remote", server.address("project"), "--path", str(waiting.volume)) as process:
        assert process.stderr is not None
        assert doors[1].was_asked.wait(timeout=30)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(timeout=30) == 0
    assert b"the clone is complete" in rest
    assert (waiting.volume / "project" / "notes.txt").exists()


def test_addresses_that_are_none_are_named(cloner: Cloner, server: GitServer, project: Commits) -> None:
    del project
    cloner.variables["CLONER_AWAITED_DOORS"] = "http://127.0.0.1:1/health,door"
    ended = cloner.clone(server.address("project"))
    assert ended.code == 2
    assert "CLONER_AWAITED_DOORS is not a list of http:// addresses, separated by commas; correct it." in ended.log
