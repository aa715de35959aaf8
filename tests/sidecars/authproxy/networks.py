"""An attacker with a whole IPv6 /64, before a door of its own: `unshare --net python -m …networks CONFIG`.

It prints, as JSON, how each port answers a new address of that /64 and one of another /64 while the attacker holds all
that it gets. The network namespace has routes of its own, so that any address of both networks can be used.
"""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time

from tests.support import sidecars

DOOR, META = 18001, 18002
PATHS = {DOOR: "/__amalthea__/health", META: "/request_stats"}
TRIED = 400


def connect(source: str, port: int) -> socket.socket:
    """Connect from an address that no interface has."""
    made = socket.socket(socket.AF_INET6)
    made.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
    made.settimeout(5)
    made.bind((source, 0))
    made.connect(("::1", port))
    return made


def answers(source: str, port: int) -> bool:
    """Return whether the port answers a request from an address."""
    with contextlib.suppress(OSError), connect(source, port) as made:
        made.sendall(f"GET {PATHS[port]} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        return made.recv(4096).startswith(b"HTTP/1.1 200 ")
    return False


def besiege(port: int) -> dict[str, bool]:
    """Take what the port gives to one /64, then ask from that and from another."""
    held = []
    for number in range(TRIED):
        with contextlib.suppress(OSError):
            held.append(connect(f"fd99:1::{number + 1:x}", port))
    told = {"same": answers("fd99:1::ffff", port), "other": answers("fd99:2::1", port)}
    for each in held:
        each.close()
    return told


def main(config: str) -> None:
    """Start the door, besiege both of its ports, and stop it."""
    for words in ("link set lo up", "-6 route add local fd99:1::/64 dev lo", "-6 route add local fd99:2::/64 dev lo"):
        subprocess.run(("ip", *words.split()), check=True)
    env = {"AUTHPROXY_PORT": str(DOOR), "AUTHPROXY_META_PORT": str(META), "AUTHPROXY_REMOTE": "http://127.0.0.1:9"}
    process = subprocess.Popen(sidecars.sidecars("proxy", "serve", "--config", config), env=env)
    try:
        until = time.monotonic() + 20
        while not answers("::1", DOOR) and time.monotonic() < until:
            time.sleep(0.05)
        sys.stdout.write(json.dumps([besiege(DOOR), besiege(META)]))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


if __name__ == "__main__":
    main(sys.argv[1])
