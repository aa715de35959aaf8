"""Listening sockets, for the programs here that anybody may connect to."""

import errno
import socket

AT_ONCE = 8
"""The number of connections that asyncio accepts before the open ones get their turn."""
_WAITING = 1024
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def at(hosts: tuple[str, str], port: int) -> list[socket.socket]:
    """Return a socket for an IPv4 address and, where this machine knows IPv6, one for that: a name may mean either.

    Raises:
        OSError: the port is taken.
    """
    first = _at(hosts[0], port, socket.AF_INET)
    try:
        return [first, _at(hosts[1], port, socket.AF_INET6)]
    except OSError as error:
        if error.errno in _NO_IPV6:
            return [first]
        first.close()
        raise


def let_wait(listener: socket.socket) -> None:
    """Let many connections wait to be accepted.

    asyncio takes one number for how many wait and how many it accepts at once, so this comes after it.
    """
    listener.listen(_WAITING)


def _at(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    listener = socket.create_server((host, port), family=family)
    listener.setblocking(False)
    return listener
