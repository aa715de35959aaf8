"""The cloner's wait for the programs that check who may open the session.

A program of the session that listened on their ports first would get their visitors' keys, and the kubelet needs up to
two seconds to see that a container listens. So the cloner, which is over before the session's program starts, looks.
"""

import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from amalthea.sidecars.cloner.errors import Misconfigured
from amalthea.sidecars.cloner.process.git import say

VARIABLE = "CLONER_AWAITED_DOORS"
"""Addresses in the pod that answer 200 once a door listens, separated by commas."""
_POLL, _SLOW_POLL = 0.05, 1.0
_SLOW_AFTER = 5.0
"""Seconds after which a wait is logged, and looks are rare."""


def wait(variables: Mapping[str, str]) -> None:
    """Return once each of the addresses has answered: a door that cannot start is restarted by the kubelet.

    Raises:
        Misconfigured: the variable does not list http:// addresses.
    """
    silent = [each.strip() for each in variables.get(VARIABLE, "").split(",") if each.strip()]
    if not all(each.startswith("http://") for each in silent):
        raise Misconfigured(f"{VARIABLE} is not a list of http:// addresses, separated by commas; correct it.")
    began, is_slow = time.monotonic(), False
    while silent := [each for each in silent if not _answers(each)]:
        if not is_slow and time.monotonic() - began > _SLOW_AFTER:
            is_slow = True
            say(
                f"The session's door does not answer yet at {silent[0]}; the log of authproxy or oauth2-proxy may tell."
            )
        time.sleep(_SLOW_POLL if is_slow else _POLL)


def _answers(address: str) -> bool:
    """Ask as a probe does. The sidecars' client would take longer to be imported than to answer."""
    place = urlsplit(address)
    question = f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((place.hostname or "", place.port or 80), timeout=1) as connection:
            connection.sendall(question.encode())
            return connection.makefile("rb").readline(64).split()[1:2] == [b"200"]
    except OSError:
        return False
