"""The client's command line: its flags, and files that it reads and writes. Runs on Python 3.6 (`bundle.py`)."""

import argparse
from pathlib import Path
from typing import List, Optional, Tuple

from amalthea.sidecars.tunnel.client.dialing import UsageError


def parse_flags(arguments: Optional[List[str]]) -> argparse.Namespace:
    """Return the program's flags."""
    flags = argparse.ArgumentParser(description="Dial in to a session's pod.", allow_abbrev=False)
    flags.add_argument("url", help="the tunnel's address, https://host/path")
    flags.add_argument("--secret-file", required=True, help="file with the secret; it is deleted once read")
    flags.add_argument("--ca-file", help="PEM file of CA certificates that are trusted besides the system's")
    flags.add_argument(
        "--reverse", action="append", default=[], metavar="FAR:NEAR", help="forward a port of the pod to a port here"
    )
    flags.add_argument(
        "--forward",
        action="append",
        default=[],
        metavar="NEAR:FAR",
        help="forward a port here to a port of the pod; 0 takes any free one",
    )
    flags.add_argument(
        "--ports-file", help="file that gets a line `FAR NEAR` for each forwarded port, once all are open"
    )
    flags.add_argument("--waiting", type=int, default=3, help="requests that wait for each port of the pod")
    return flags.parse_args(arguments)


def parse_pair(text: str) -> Tuple[int, int]:
    """Read a pair of ports; raise UsageError."""
    parts = text.split(":")
    if len(parts) != 2 or not all(part.isdigit() and int(part) < 1 << 16 for part in parts):
        raise UsageError(f"{text} is not a pair of ports; write one like 8888:8080.")
    return int(parts[0]), int(parts[1])


def take_secret(path: str) -> str:
    """Return what a file holds, and delete it; raise UsageError."""
    try:
        secret = Path(path).read_text().strip()
        Path(path).unlink()
    except OSError as error:
        raise UsageError(f"{path} cannot be read and deleted ({error.strerror}).") from None
    if not secret or not secret.isprintable():
        raise UsageError(f"{path} contains no secret; write only the secret into it.")
    return secret


def write_whole(path: str, text: str) -> None:
    """Write a file that is there as a whole or not at all, for this user only."""
    new = Path(path + ".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.rename(path)
