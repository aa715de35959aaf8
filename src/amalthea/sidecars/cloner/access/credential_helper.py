"""Git's credential helper: hands git's question to the cloner, and the cloner's answer to git (gitcredentials(7))."""

import socket
import sys

from amalthea.sidecars.cloner.process import hardening

_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    """Answer `get`; git's `store` and `erase` have no meaning here. Return the exit code."""
    place, operation = arguments
    if operation != "get":
        return 0
    hardening.hide()
    with socket.socket(socket.AF_UNIX) as cloner:
        cloner.settimeout(_SECONDS)
        cloner.connect(place)
        cloner.sendall(sys.stdin.buffer.read())
        cloner.shutdown(socket.SHUT_WR)
        while part := cloner.recv(4096):
            sys.stdout.buffer.write(part)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
