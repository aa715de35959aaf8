"""Checks that the ports are free and that the session's host is known, before HAProxy needs them.

HAProxy would report it in several lines or not at all, or share a port with another program.
"""

import errno
import socket

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class PortTaken(Exception):  # noqa: N818  (named by what happened)
    """A port that another program listens on."""


class UnknownHost(Exception):  # noqa: N818  (named by what happened)
    """A name without a known address."""


def find(remote: str) -> None:
    """Return if an address is known for the session's host, as HAProxy must know it.

    Raises:
        UnknownHost: one line, for the session's owner or administrator.
    """
    host = remote.rpartition(":")[0].strip("[]")
    try:
        socket.getaddrinfo(host.encode(), None)
    except socket.gaierror as error:
        raise UnknownHost(
            f"The host {host} of remote cannot be resolved ({error.strerror}); correct its name."
        ) from None


def addresses(port: int) -> tuple[str, ...]:
    """Return all addresses of this machine as HAProxy binds them: IPv4 and, where there is, IPv6.

    Raises:
        PortTaken: one line, for the session's owner or administrator.
    """
    try:
        _try(socket.AF_INET, "0.0.0.0", port)  # noqa: S104  (the kubelet asks from the node)
        try:
            _try(socket.AF_INET6, "::", port)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
            return (f"0.0.0.0:{port}",)
    except OSError as error:
        raise PortTaken(
            f"Port {port} cannot be opened ({error.strerror}); check whether another program uses it."
        ) from None
    return f"0.0.0.0:{port}", f":::{port} v6only"


def _try(family: socket.AddressFamily, address: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        tried.bind((address, port))
        tried.listen()
