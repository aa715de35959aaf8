"""The container of the controller has 64 MiB, whatever the session writes and FirecREST answers."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from amalthea.testing.waiting import eventually
from tests.sidecars.authproxy.limited import Limited
from tests.sidecars.remote.pod import Pod, ended

LIMIT = 64 * 2**20


@pytest.fixture
def limited() -> Iterator[Limited]:
    made = Limited(f"remote-session-controller-{os.getpid()}", LIMIT)
    yield made
    made.remove()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("line", [b"x" * 79, "─☃日本語𝄞".encode() * 4], ids=["plain", "many kinds of characters"])
async def test_thirty_mebibytes_of_output_fit_into_the_memory_that_there_is(
    limited: Limited, pod: Pod, line: bytes
) -> None:
    pod.cluster.output = (line + b"\n") * (30 * 2**20 // (len(line) + 1))
    program = await pod.start(*limited.within())
    reading = asyncio.create_task(_count(program))
    await eventually(lambda: pod.state().get("stdout_offset") == len(pod.cluster.output), 90)
    own = limited.own
    program.terminate()
    assert await reading == pod.cluster.output.count(b"\n")
    assert (await program.wait(), limited.kills) == (0, 0)
    assert own < 0.8 * LIMIT


async def test_an_idle_controller_takes_half_of_its_memory(limited: Limited, pod: Pod) -> None:
    program = await pod.start(*limited.within())
    await eventually(lambda: pod.state().get("stdout_path"), 30)
    own = limited.own
    await ended(program)
    assert own < 0.6 * LIMIT


async def _count(program: asyncio.subprocess.Process) -> int:
    """Read the program's output to its end, and return how many lines the job wrote."""
    assert program.stdout is not None
    found = 0
    async for text in program.stdout:
        found += text.startswith(b"[session/stdout]")
    return found
