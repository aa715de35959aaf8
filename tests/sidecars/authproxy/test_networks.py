"""One machine with a whole IPv6 /64 must not take all connections of a door."""

import json
import subprocess
import sys
from pathlib import Path


def test_one_network_of_ipv6_leaves_connections_to_the_others(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("authproxy: {token: s3cret}\n")
    words = ("unshare", "--net", sys.executable, "-m", "tests.sidecars.authproxy.networks", str(config))
    done = subprocess.run(words, capture_output=True, timeout=60, cwd=Path(__file__).parents[3], check=True)
    door, meta = json.loads(done.stdout)
    assert door == {"same": False, "other": True}
    assert meta == {"same": False, "other": True}
