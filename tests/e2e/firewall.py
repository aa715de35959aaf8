"""The enforcer of NetworkPolicies on the lab's node while a test needs it: kube-router's firewall, and nothing else.

The lab has none of its own: no other test needs one, and each pod would start the later for it. kind's network has one,
but the node image that `lab.kind` makes does not.
"""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.base.system import Package
from lab.cluster.admin import Admin
from lab.node.layout import NODE, SERVICE_RANGE
from lab.programs import binaries

IPSET = Package("ipset", "ipset")
FIRST_CHAIN = "KUBE-ROUTER-FORWARD"
_CHAINS = r"KUBE-(ROUTER|POD-FW|NWPLCY)-\S+"
"""Its chains, all of them in the table `filter`."""
WITHIN = 60.0


@contextmanager
def firewall(cluster: Admin, folder: Path) -> Iterator[None]:
    """Enforce NetworkPolicies on the node until the end; its log goes below `folder`. Nothing of it is left behind."""
    if cluster.profile == "kind":
        if cluster.get("daemonset", "kindnet", "kube-system") is None:
            pytest.skip("a node image of our own enforces no NetworkPolicy: that is a part of kind's own network")
        yield
        return
    program = str(binaries.path("kube-router"))
    flags = {
        "kubeconfig": str(cluster.kubeconfig),
        "hostname-override": NODE,
        "run-router": "false",
        "run-service-proxy": "false",
        "enable-cni": "false",
        "service-cluster-ip-range": SERVICE_RANGE,
        "health-port": "0",
    }
    log = folder / "kube-router.log"
    former = _sets()
    with log.open("wb") as output:
        argv = [program, *(f"--{name}={value}" for name, value in flags.items())]
        process = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        _wait_until_it_guards(process, log)
        yield
    finally:
        process.terminate()
        process.wait(WITHIN)
        _remove(former)


def _wait_until_it_guards(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + WITHIN
    while FIRST_CHAIN not in _run("iptables-save", "--table", "filter"):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def _remove(former: set[str]) -> None:
    """Undo what it did to the machine, but for the sets that were there before.

    Its own `--cleanup-config` takes virtual servers of others along, and crashes where there is no IPVS.
    """
    _run(
        "iptables-restore", "--wait", "--noflush", given=_commands_to_remove(_run("iptables-save", "--table", "filter"))
    )
    for name in _sets() - former:
        _run("ipset", "destroy", name)


def _commands_to_remove(listing: str) -> str:
    """Turn what iptables-save prints into input for iptables-restore that removes its chains and the ways there."""
    lines = listing.splitlines()
    chains = [line.split()[0][1:] for line in lines if re.match(f":{_CHAINS} ", line)]
    jumps = [line for line in lines if re.search(f" -j {_CHAINS}$", line) and not re.match(f"-A {_CHAINS} ", line)]
    removed = [f"-D {line[3:]}" for line in jumps]
    return "\n".join(
        ["*filter", *removed, *(f"-F {name}" for name in chains), *(f"-X {name}" for name in chains), "COMMIT\n"]
    )


def _sets() -> set[str]:
    return set(_run("ipset", "list", "-name").split())


def _run(*command: str, given: str | None = None) -> str:
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout
