"""A test's client never talks to itself: ports for servers are none that the kernel gives to clients."""

from pathlib import Path

from tests.support.processes import free_port


def test_free_ports_differ_and_lie_below_those_of_outgoing_connections() -> None:
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [free_port() for _ in range(100)]
    assert len(set(ports)) == 100
    assert max(ports) < first_outgoing
