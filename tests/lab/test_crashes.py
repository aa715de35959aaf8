"""Whatever is killed, and whenever: `up` brings the lab's own node back, and `down` leaves no trace of it."""

from collections.abc import Iterator

import pytest

from lab.base import state
from lab.cluster import localhost
from tests.lab.support import daemons, eventually, kill, kill_while_it_works, lab, start_session, untouched, up


@pytest.fixture
def machine() -> Iterator[None]:
    """The machine, without a node at first, and as it was at the end."""
    with untouched():
        yield


@pytest.fixture
def session(machine: None) -> str:
    """The address of a session that answers, on a node of its own."""
    del machine
    return start_session(up())


@pytest.mark.parametrize("victims", [{"containerd", "kubelet"}, {"etcd", "kube-apiserver"}, set[str]()])
def test_killed_programs_are_mended_by_up_and_no_file_is_lost(session: str, victims: set[str]) -> None:
    assert localhost.ask(f"{session}files/note", "PUT", b"kept").status == 204
    kill(victims or set(daemons().running()))
    lab("up")
    eventually(lambda: localhost.ask(f"{session}files/note").body == b"kept")


@pytest.mark.usefixtures("session")
def test_down_leaves_nothing_of_a_node_that_was_killed() -> None:
    kill(set(daemons().running()))
    lab("down")
    assert not state.folder("full").exists()


@pytest.mark.usefixtures("machine")
def test_up_works_after_an_up_that_was_killed_at_any_point() -> None:
    for started in ("etcd", "kube-apiserver", "containerd", "kubelet", "traefik"):
        kill_while_it_works("up", lambda started=started: started in daemons().running())  # type: ignore[misc]
    lab("up")
    assert state.kubeconfig("full").exists()


@pytest.mark.usefixtures("session")
def test_down_works_after_a_down_that_was_killed() -> None:
    kill_while_it_works("down", lambda: "kubelet" not in daemons().running())
    lab("down")
    assert not state.folder("full").exists()
