"""The time of a large clone through the proxy, and without it: `make bench-gitproxy`.

Not a test of every run: what it measures is time, and that depends on what else the machine does.
"""

import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.sidecars.gitproxy.conftest import ProxyProcess, make_repository
from tests.sidecars.gitproxy.forge import Forge

Start = Callable[..., Awaitable[ProxyProcess]]
MEBIBYTE = 2**20
SIZE = 200
ROUNDS = 3
CLONE_FACTOR = 1.5
"""How much longer a large clone may take than without the proxy."""


@pytest.mark.timeout(600)
async def test_a_large_clone_takes_hardly_longer_than_without_the_proxy(
    start: Start, forge: Forge, tmp_path: Path
) -> None:
    make_repository(forge.folder / "open" / "data", {f"{n}": os.urandom(MEBIBYTE) for n in range(SIZE)})
    proxy = await start()

    async def seconds(name: str, *, proxied: bool) -> float:
        begun = time.monotonic()
        done = await proxy.git("clone", "--bare", f"{forge.url}/open/data", str(tmp_path / name), proxied=proxied)
        assert done.code == 0, done.output
        return time.monotonic() - begun

    direct, through = [], []
    for number in range(ROUNDS):  # by turns, so that both meet the machine as it is
        direct.append(await seconds(f"direct-{number}", proxied=False))
        through.append(await seconds(f"through-{number}", proxied=True))

    sys.stdout.write(
        f"\n{SIZE} MiB: {min(direct):.1f} s without the proxy, {min(through):.1f} s with it, of which it used "
        f"{proxy.cpu_seconds / ROUNDS:.1f} s of CPU and at most {proxy.peak_memory / MEBIBYTE:.0f} MiB of memory\n"
    )
    assert min(through) <= CLONE_FACTOR * min(direct)
