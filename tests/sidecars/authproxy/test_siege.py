"""A thousand hostile connections keep neither the owner nor the kubelet nor the operator out, and end no WebSocket.

Seven seconds each in every run; `make siege` takes ten minutes (SIEGE_SECONDS=600). The door runs in its pod's limit.
"""

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from amalthea.sidecars.authproxy.connection_limits import MOST_OF_ONE
from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import BEARER, Browser, Door
from tests.sidecars.authproxy.ingress import traefik
from tests.sidecars.authproxy.limited import Limited

SECONDS = float(os.environ.get("SIEGE_SECONDS", "7"))
STRANGERS = 1000
STRANGERS_AT_META = 100
MEBIBYTE = 2**20
LIMIT = 64 * MEBIBYTE
"""The limit of the door's container."""
OWNER_WAITS = 2.0
NEW_OWNER_WAITS = 10.0
"""Seconds within which a new owner's request gets through, among those that an ingress must make again."""
KUBELET_WAITS = 1.0
"""Seconds: the time limit of a probe."""
FRESH = itertools.count(1)
"""Numbers for addresses that have asked nothing before: the kubelet's on a node where the session has just started."""


@pytest.fixture
def group() -> Iterator[Limited]:
    made = Limited(f"amalthea-siege-{os.getpid()}", LIMIT)
    yield made
    made.remove()


@pytest.fixture
async def besieged(group: Limited, open_door: Open) -> Door:
    return await open_door(group=group)


class Times(NamedTuple):
    """Seconds that answers took."""

    owner: list[float]
    kubelet: list[float]
    operator: list[float]
    websocket: list[float]
    memory: list[int]
    sockets: list[int]

    def told(self, name: str) -> str:
        each = {"owner": self.owner, "kubelet": self.kubelet, "operator": self.operator, "WebSocket": self.websocket}
        parts = [f"{part} {max(taken):.2f} s of {len(taken)}" for part, taken in each.items()]
        own, tcp = max(self.memory) / MEBIBYTE, max(self.sockets) / MEBIBYTE
        return f"{name}: at most {', '.join(parts)}; memory of its own {own:.1f} MiB, of sockets {tcp:.1f} MiB"


@contextlib.asynccontextmanager
async def siege(target: str, *, count: int, addresses: int, first: str) -> AsyncIterator[list[int]]:
    """Attack; at the end, the list has the number of connections that were made."""
    words = (sys.executable, "-m", "tests.sidecars.authproxy.strangers", target, str(count), str(addresses), first)
    process = await asyncio.create_subprocess_exec(
        *("nice", "-n", "5", *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    made: list[int] = []
    try:
        yield made
    finally:
        told, _ = await asyncio.wait_for(process.communicate(b""), 30)
    made.append(int(told))


async def timed(into: list[float], ask: Callable[[], Awaitable[bool]], until: float, pause: float) -> None:
    """Ask again and again."""
    while (begun := time.monotonic()) < until:
        assert await asyncio.wait_for(ask(), 30)
        into.append(time.monotonic() - begun)
        await asyncio.sleep(pause)


async def looked_at(door: Door, group: Limited, entrance: int, sockets: list[Browser]) -> Times:
    """Do what the owner, the kubelet and the operator do meanwhile."""
    times = Times([], [], [], [], [], [])
    until = time.monotonic() + SECONDS

    async def owner() -> bool:
        browser = await door.connect(entrance)
        answer = await browser.ask("/", BEARER)
        browser.writer.close()
        assert answer.status == 200, answer
        return True

    async def kubelet() -> bool:
        number = next(FRESH)
        browser = await door.connect(source=f"127.9.{number // 250}.{number % 250 + 1}")
        answer = await browser.ask("/__amalthea__/health", "Connection: close")
        browser.writer.close()
        times.memory.append(group.own)
        times.sockets.append(group.sockets)
        return answer.status == 200

    async def operator() -> bool:
        return "open_websockets" in await door.statistics()

    async def types() -> bool:
        for each in sockets:
            await each.send(b"echo")
            assert await each.exactly(4) == b"echo"
        return True

    await asyncio.gather(
        timed(times.owner, owner, until, 0.1),
        timed(times.kubelet, kubelet, until, 0.2),
        timed(times.operator, operator, until, 0.5),
        timed(times.websocket, types, until, 0.5),
    )
    return times


def held(times: Times, group: Limited) -> None:
    """Check what a siege must not change."""
    assert max(times.owner) < OWNER_WAITS
    assert max(times.kubelet) < KUBELET_WAITS
    assert max(times.operator) < OWNER_WAITS
    assert max(times.websocket) < OWNER_WAITS
    assert group.kills == 0
    assert max(own + sockets for own, sockets in zip(times.memory, times.sockets, strict=True)) < LIMIT


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("addresses", [1, 20], ids="from {} addresses".format)
async def test_strangers_at_the_door_keep_nobody_out(besieged: Door, group: Limited, addresses: int) -> None:
    sockets = [await besieged.websocket(BEARER) for _ in range(5)]
    door, meta = (f"127.0.0.1:{port}" for port in (besieged.port, besieged.meta_port))
    async with (
        siege(door, count=STRANGERS, addresses=addresses, first="127.1.0.1") as made,
        siege(meta, count=STRANGERS_AT_META, addresses=addresses, first="127.1.0.1") as made_at_meta,
    ):
        times = await looked_at(besieged, group, besieged.port, sockets)
    sys.stdout.write(f"\n{times.told(f'{addresses} addresses')}; {made[0] + made_at_meta[0]} connections\n")
    assert made[0] >= STRANGERS
    held(times, group)


@pytest.fixture
async def ingress(besieged: Door, tmp_path: Path) -> AsyncIterator[int]:
    """Start Traefik before the door, and return its port."""
    async with traefik(tmp_path, {"/": besieged}) as port:
        yield port


@pytest.mark.timeout(SECONDS + 60)
async def test_strangers_who_come_through_the_ingress_keep_nobody_out(
    besieged: Door, group: Limited, ingress: int
) -> None:
    sockets = [await besieged.websocket(BEARER, port=ingress) for _ in range(5)]
    async with siege(f"127.0.0.1:{ingress}", count=STRANGERS, addresses=1, first="127.1.0.1") as made:
        times = await looked_at(besieged, group, ingress, sockets)
    sys.stdout.write(f"\n{times.told('through Traefik')}; {made[0]} connections\n")
    assert made[0] >= STRANGERS
    held(times, group)


@pytest.mark.timeout(SECONDS + 60)
async def test_strangers_do_not_keep_the_owner_out_of_a_session_that_has_just_started(
    group: Limited, open_door: Open, tmp_path: Path
) -> None:
    door = await open_door(group=group, env={"AUTHPROXY_COOKIE_PATH": "/"}, token="s3cret")
    async with (
        traefik(tmp_path, {"/": door}) as port,
        siege(f"127.0.0.1:{port}", count=STRANGERS, addresses=1, first="127.1.0.1") as made,
        siege(f"127.0.0.1:{door.port}", count=STRANGERS, addresses=1, first="127.1.0.1"),
    ):
        await door.tells("open_connections", lambda count: count > MOST_OF_ONE)
        begun = time.monotonic()
        while (await _status(door, port)) != 200:
            assert time.monotonic() - begun < NEW_OWNER_WAITS
        taken = [await _status(door, port) for _ in range(20)]
    sys.stdout.write(f"\nat a new session through Traefik: {time.monotonic() - begun:.2f} s in all\n")
    assert made[0] >= STRANGERS
    assert taken == 20 * [200], "from then on, the ingress is known"


async def _status(door: Door, port: int) -> int:
    browser = await door.connect(port)
    answer = await browser.ask("/", "Authorization: Bearer s3cret")
    browser.writer.close()
    return answer.status
