"""A session's program must not start, and take the door's ports, before the door listens on them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.sidecars.cloner.conftest import Commits
from tests.sidecars.cloner.machine import Cloner
from tests.support.git_server import GitServer


@pytest.fixture
def doors() -> Iterator[list[socket.socket]]:
    """Two doors that have their ports, and do not listen yet."""
    with ExitStack() as stack:
        made = [stack.enter_context(closing(socket.socket())) for _ in range(2)]
        for door in made:
            door.bind(("127.0.0.1", 0))
        yield made


def test_the_cloner_ends_only_once_every_door_listens(
    cloner: Cloner, server: GitServer, project: Commits, doors: list[socket.socket]
) -> None:
    del project
    first, second = (str(door.getsockname()[1]) for door in doors)
    cloner.variables["CLONER_AWAITED_PORTS"] = f"{first},{second}"
    doors[0].listen()
    with cloner.start("clone", "--remote", server.address("project"), "--path", str(cloner.volume)) as process:
        assert process.stderr is not None
        log = iter(process.stderr.readline, b"")
        assert any(f"listens on port {second}".encode() in line for line in log)
        assert (cloner.volume / "project" / "notes.txt").exists()
        assert process.poll() is None
        doors[1].listen()
        assert process.wait(timeout=30) == 0


def test_ports_that_are_none_are_named(cloner: Cloner, server: GitServer, project: Commits) -> None:
    del project
    cloner.variables["CLONER_AWAITED_PORTS"] = "65535,door"
    ended = cloner.clone(server.address("project"))
    assert ended.code == 2
    assert "CLONER_AWAITED_PORTS is not a list of ports, separated by commas; correct it." in ended.log
