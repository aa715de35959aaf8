"""The cloner's wait for the programs that check who may open the session.

A program of the session that listened on their ports first would get their visitors' keys, and the kubelet needs up to
two seconds to see that a container listens. So the cloner, which is over before the session's program starts, looks.
"""

import socket
import time
from collections.abc import Mapping

from amalthea.sidecars.cloner.errors import Misconfigured
from amalthea.sidecars.cloner.process.git import say

VARIABLE = "CLONER_AWAITED_PORTS"
"""Ports of the pod, separated by commas."""
_POLL = 0.05
_SILENT_FOR = 5.0
"""Seconds after which a wait is logged."""


def wait(variables: Mapping[str, str]) -> None:
    """Return once somebody listens on each of the ports: a door that cannot start is restarted by the kubelet.

    Raises:
        Misconfigured: the variable is not a list of ports.
    """
    ports = [each.strip() for each in variables.get(VARIABLE, "").split(",") if each.strip()]
    if not all(each.isdecimal() and 0 < int(each) < 65536 for each in ports):
        raise Misconfigured(f"{VARIABLE} is not a list of ports, separated by commas; correct it.")
    began, is_logged = time.monotonic(), False
    while silent := [port for port in ports if not _listens(int(port))]:
        if not is_logged and time.monotonic() - began > _SILENT_FOR:
            say(f"Waiting until the session's door listens on port {silent[0]}; its container's log may tell more.")
            is_logged = True
        time.sleep(_POLL)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
