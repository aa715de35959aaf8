"""The cost of the tunnel beside a plain relay, within its 64 MiB: `make bench-tunnel`.

Not a test of every run: what it measures is time, and that depends on what else the machine does. Needs root.
"""

import statistics
import sys
import time

import pytest

from tests.sidecars.authproxy.limited import Limited
from tests.sidecars.tunnel.conftest import Dial, Listen
from tests.sidecars.tunnel.ends import LIMIT, MEBIBYTE, connect
from tests.sidecars.tunnel.traffic import CPU_PER_GIBIBYTE, GIBIBYTE, traffic

ROUNDS = 3
SHARE = 0.3
"""At least such a part of a plain relay's speed is left."""
CONNECTIONS = 200


async def new_connection(port: int) -> float:
    """Return how many seconds pass until the first byte is there, in the middle."""
    times = []
    for _ in range(CONNECTIONS):
        begun = time.monotonic()
        user = await connect(port)
        await user.send(b"1\n")
        await user.exactly(1)
        times.append(time.monotonic() - begun)
        user.close()
    return statistics.median(times)


@pytest.mark.timeout(1200)
async def test_the_tunnel_beside_a_plain_relay(listen: Listen, dial: Dial, group: Limited) -> None:
    moving = await traffic(listen, dial, group)
    at_rest = group.own
    shares, lines = [], []
    for _ in range(ROUNDS):  # by turns, so that all meet the machine as it is
        direct = await moving.fetch(moving.direct, GIBIBYTE)
        relay = await moving.fetch(moving.relay, GIBIBYTE)
        before = moving.cpu_seconds
        tunnel = await moving.fetch(moving.tunnel, GIBIBYTE)
        server, client = (after - now for after, now in zip(moving.cpu_seconds, before, strict=True))
        shares.append(relay / tunnel)
        speeds = "  ".join(
            f"{name} {1024 / seconds:5.0f} MiB/s"
            for name, seconds in (("direct", direct), ("relay", relay), ("tunnel", tunnel))
        )
        lines.append(f"{speeds}  CPU {server:.2f} s (server) + {client:.2f} s (client) per GiB")
        assert server + client <= CPU_PER_GIBIBYTE
    eight = await moving.fetch(moving.tunnel, GIBIBYTE, times=8)
    lines.append(f"eight at once: {8 * 1024 / eight:.0f} MiB/s, {group.peak / MEBIBYTE:.1f} MiB at most")
    lines.append(f"own {at_rest / MEBIBYTE:.1f} MiB at rest, {group.own / MEBIBYTE:.1f} MiB after")
    lines.append(f"a new connection: {1000 * await new_connection(moving.tunnel):.1f} ms (median)")
    lines.append(f"share of a relay's speed: {', '.join(f'{share:.2f}' for share in shares)}")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    kills, used = group.kills, group.peak
    moving.stop()
    assert kills == 0
    assert used <= LIMIT
    assert statistics.median(shares) >= SHARE
