"""The client on the other machine: it finds its way, comes back after every failure, and gives its secret to nobody."""

import asyncio
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amalthea.sidecars.tunnel.client.claim import FIRST, LAST, claim
from amalthea.testing.waiting import eventually
from tests.sidecars.tunnel.conftest import Dial, Listen
from tests.sidecars.tunnel.ends import MEBIBYTE, SECRET, Front, asks, connect, open_port, pattern
from tests.sidecars.tunnel.pythons import PYTHONS
from tests.sidecars.tunnel.test_recorded import GIT_PROXY, git_proxy
from tests.support.processes import free_port


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: Path(python).parts[-3])
async def test_bytes_arrive_as_they_are_both_ways_on_every_python(
    listen: Listen, dial: Dial, front: Front, python: str
) -> None:
    server, port = await listen(), free_port()
    client = dial(server.url, "--reverse", f"{port}:{front.port}", python=python)
    assert await asks(port, b"give 3000000\n") == pattern(3_000_000)
    user = await connect(port)
    await user.send(b"take 3000000\n" + pattern(3_000_000))
    assert await user.rest() == b"3000000\n"
    echo, said = await connect(port), pattern(MEBIBYTE)
    await echo.send(b"echo\n")
    sending = asyncio.create_task(echo.send(said))
    assert await echo.exactly(MEBIBYTE) == said
    await sending
    assert await client.stop() == 0
    assert client.log == ""


async def test_a_few_requests_wait_and_each_that_is_taken_is_replaced(listen: Listen, dial: Dial, front: Front) -> None:
    server, port = await listen(), free_port()
    dial(server.url, "--reverse", f"{port}:{front.port}", "--waiting=3")
    (await open_port(port)).close()
    users = [await connect(port) for _ in range(20)]
    for user in users:
        await user.send(b"echo\n" + b"x")
    for user in users:
        assert await user.exactly(1) == b"x"
    assert await server.stop() == 0
    (ending,) = server.told("the tunnel ends")
    assert (ending["waiting"], ending["open"]) == (3, 20)


async def test_a_free_port_is_chosen_for_the_session_that_no_other_client_is_given(
    listen: Listen, dial: Dial, tmp_path: Path
) -> None:
    server, far = await listen(), [free_port(), free_port()]
    files = [tmp_path / "ports-0", tmp_path / "ports-1"]
    for port, file in zip(far, files, strict=True):
        dial(server.url, "--reverse", f"{port}:0", "--ports-file", str(file))
    await eventually(lambda: all(file.exists() for file in files))
    found = [file.read_text().split() for file in files]
    assert [pair[0] for pair in found] == [str(port) for port in far]
    near = [int(pair[1]) for pair in found]
    assert len(set(near)) == 2
    front = Front()
    await front.start(near[1])
    assert await asks(far[1], b"give 1\n") == b"\0"
    await front.stop()
    assert all(FIRST <= port <= LAST for port in near)


def test_ports_that_others_were_given_or_listen_at_are_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "randrange", lambda _: 0)
    first, held = claim()
    second, other = claim()
    with held, socket.socket() as listener:
        listener.bind(("127.0.0.1", second))
        listener.listen()
        other.close()
        third, another = claim()
        another.close()
        assert first < second < third
    again, held = claim()
    held.close()
    assert again == first


async def test_the_session_survives_a_restart_of_the_server(listen: Listen, dial: Dial, front: Front) -> None:
    server, port = await listen(), free_port()
    client = dial(server.url, "--reverse", f"{port}:{front.port}")
    assert await asks(port, b"give 1\n") == b"\0"
    server.process.kill()
    server.process.wait()
    await eventually(lambda: "the tunnel is not open" in client.log)
    await listen(port=server.port)
    assert await asks(port, b"give 1\n") == b"\0"
    assert await client.stop() == 0
    assert client.log.splitlines()[-1] == "tunnel: open again"
    assert len(client.log.splitlines()) < 6, "what goes on is not told at every attempt"


async def test_git_on_the_other_machine_reaches_the_git_proxy_at_a_free_port(
    listen: Listen, dial: Dial, tmp_path: Path
) -> None:
    server, ports = await listen(), tmp_path / "ports"
    dial(server.url, "--forward", f"0:{GIT_PROXY}", "--forward=0:65481", "--ports-file", str(ports))
    await eventually(ports.exists)
    near = {int(far): int(near) for far, near in map(str.split, ports.read_text().splitlines())}
    assert set(near) == {GIT_PROXY, 65481}
    early = await connect(near[GIT_PROXY])
    await early.send(b"GET / HTTP/1.1\r\n\r\n")
    async with git_proxy(b"HTTP/1.1 200 OK\r\n\r\n") as asked:
        assert await early.rest() == b"HTTP/1.1 200 OK\r\n\r\n", "it is kept waiting for the git proxy, not refused"
    assert asked == [b"GET / HTTP/1.1\r\n\r\n"]


async def test_a_front_end_that_is_away_ends_the_users_connection_and_no_other(
    listen: Listen, dial: Dial, front: Front
) -> None:
    server, port, nobody = await listen(), free_port(), free_port()
    client = dial(server.url, "--reverse", f"{port}:{nobody}", "--waiting=1")
    for _ in range(3):
        user = await open_port(port)
        await user.send(b"give 1\n")
        assert await user.rest() == b""
    assert f"the session does not answer at port {nobody}" in client.log
    late = Front()
    await late.start(nobody)
    assert await asks(port, b"give 1\n") == b"\0"
    await late.stop()
    assert front.connections == 0


async def test_the_secret_is_deleted_once_it_is_read_and_stands_nowhere_else(
    listen: Listen, dial: Dial, front: Front, tmp_path: Path
) -> None:
    server, port = await listen(), free_port()
    client = dial(server.url, "--reverse", f"{port}:{front.port}")
    await asks(port, b"give 1\n")
    client_file, arguments = tmp_path / "0-client.py", Path(f"/proc/{client.process.pid}/cmdline")
    shown = await asyncio.to_thread(lambda: (sorted(tmp_path.glob("0-*")), arguments.read_text()))
    assert client_file in shown[0]
    assert tmp_path / "0-secret" not in shown[0]
    await client.stop()
    assert SECRET not in client.log + server.log + shown[1]


def test_no_other_program_of_the_user_can_read_the_memory_that_the_secret_is_read_into(tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = (
        "import ctypes, sys; from pathlib import Path; from amalthea.sidecars.tunnel.client import client\n"
        "told = lambda _: exit(Path(sys.argv[1]).write_text(str(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))))\n"
        "client.take_secret = told\n"
        "client.main(['--secret-file', 'x', 'http://127.0.0.1:1/'])"
    )
    subprocess.run([sys.executable, "-c", code, told], check=False, stderr=subprocess.DEVNULL, timeout=20)
    assert told.read_text() == "0", "PR_GET_DUMPABLE (prctl(2)) at the moment that the secret is read"


async def test_sigterm_ends_it_at_once_and_tells_both_sides(listen: Listen, dial: Dial, front: Front) -> None:
    server, port = await listen(), free_port()
    client = dial(server.url, "--reverse", f"{port}:{front.port}")
    await asks(port, b"give 1\n")
    user = await connect(port)
    await user.send(b"echo\nx")
    assert await user.exactly(1) == b"x"
    begun = time.monotonic()
    assert await client.stop() == 0
    assert time.monotonic() - begun < 5
    assert await user.reader.read() == b"", "in order, not by a reset"


@pytest.mark.parametrize(
    ("url", "arguments", "told"),
    [
        ("http://renku.example.org/x", (), "would send the secret unencrypted; write https://"),
        ("renku.example.org", (), "is not an address; write https://host/path"),
        ("https://h:x/", (), "has no usable port; write https://host/path"),
        ("https://h/", ("--ca-file=/none",), "/none cannot be used"),
        ("https://h/", ("--reverse=8888",), "8888 is not a pair of ports; write one like"),
        ("https://h/", ("--secret-file=/none",), "/none cannot be read and deleted"),
    ],
)
async def test_what_cannot_be_used_is_told_with_the_remedy(
    dial: Dial, url: str, arguments: tuple[str, ...], told: str
) -> None:
    client = dial(url, *arguments)
    assert await asyncio.to_thread(client.process.wait, 20) == 2
    assert told in client.log
    assert SECRET not in client.log
