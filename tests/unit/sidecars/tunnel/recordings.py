"""Recordings of real clients and servers of wstunnel (`tests/data/wstunnel`)."""

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

Connection: TypeAlias = dict[str, Any]
FOLDER = Path(__file__).parents[3] / "data" / "wstunnel"
SECRET = "MTIzNDU2Nzg5MGFiY2RlZg"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def connections(name: str) -> list[Connection]:
    """Return the connections of a recording."""
    found: list[Connection] = json.loads((FOLDER / f"{name}.json").read_text())["connections"]
    return found


def heads() -> list[bytes]:
    """Return all requests."""
    return [head_of(each) for name in NAMES for each in connections(name)]


def head_of(connection: Connection) -> bytes:
    """Return the request that opened a connection."""
    head: str = connection["client"]["head"]
    return head.encode()


def sent_by(side: str, connection: Connection) -> bytes:
    """Return what a side sent after its head, as far as it was kept."""
    data = bytes.fromhex(connection[side]["bytes_first_6000_hex"])
    return data.partition(b"\r\n\r\n")[2]
