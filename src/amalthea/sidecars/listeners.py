"""Sockets that listen, for the programs here that anybody may connect to."""

import errno
import socket

AT_ONCE = 8
"""How many connections asyncio accepts before those that are there already get their turn."""
_WAITING = 1024
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def at(hosts: tuple[str, str], port: int, buffers: int = 0) -> list[socket.socket]:
    """Return a socket for an IPv4 address and, where this machine knows IPv6, one for that: a name may mean either.

    `buffers`: how many bytes the kernel keeps for each connection in either direction, about twice that in memory;
    0 for as many as it likes.

    Raises:
        OSError: the port is taken.
    """
    first = _at(hosts[0], port, buffers)
    try:
        return [first, _at(hosts[1], port, buffers)]
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


def _at(host: str, port: int, buffers: int) -> socket.socket:
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setblocking(False)
    if buffers:  # those who connect inherit it
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            listener.setsockopt(socket.SOL_SOCKET, option, buffers)
    return listener
