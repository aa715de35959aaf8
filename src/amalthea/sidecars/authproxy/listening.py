"""The sockets that HAProxy inherits: opened before it starts, so that a taken port is told in one line."""

import errno
import socket

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class PortTaken(Exception):  # noqa: N818  (named by what happened)
    """Another program listens there."""


def listen(port: int) -> tuple[int, ...]:
    """Listen at all addresses of this machine, IPv4 and, where there is, IPv6; return the sockets' numbers.

    Raises:
        PortTaken: one line, for whoever looks after the session.
    """
    try:
        sockets = [_socket(socket.AF_INET, "0.0.0.0", port)]  # noqa: S104  (the kubelet asks from the node)
        try:
            sockets.append(_socket(socket.AF_INET6, "::", port))
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
    except OSError as error:
        raise PortTaken(f"Port {port} cannot be listened on ({error.strerror}); is another program using it?") from None
    return tuple(each.detach() for each in sockets)


def _socket(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind((address, port))
    made.listen(socket.SOMAXCONN)
    made.set_inheritable(True)
    return made
