"""If a repository's program ran after all, in a step that reads files: what it would find. Nothing that is the user's.

The cloner runs as the pod's user, with a step of our own in the middle: git runs a probe there, as it would a hook.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amalthea.sidecars.cloner.process import sandbox
from tests.sidecars.cloner.machine import Cloner
from tests.support import sidecars
from tests.support.git_server import GitServer

PASSWORD = "glpat-of-the-victim"
USER = 1000

PROBE = """
import json, os, socket, sys
def reads(path):
    try:
        with open(path, "rb") as file: return file.read(1 << 20).decode(errors="replace")
    except OSError: return None
def connects(host, port):
    try: socket.create_connection((host, int(port)), 5).close()
    except PermissionError: return False
    return True
def writes(path):
    try: open(path, "w").close()
    except OSError: return False
    return True
secret, clone, port, outside, cloner = sys.argv[1:]
home = [os.path.join(folder, file) for folder, _, files in os.walk(os.environ["HOME"]) for file in files]
parents, pid = [], os.getppid()
while pid > 1 and str(pid) != cloner:
    parents.append(str(pid))
    pid = int(reads(f"/proc/{pid}/stat").rpartition(") ")[2].split()[1])
around = os.path.dirname(os.environ["HOME"])
print(json.dumps({
    "variables": dict(os.environ),
    "home": {file: reads(file) for file in home},
    "beside home": [reads(os.path.join(d, f)) for d, _, files in os.walk(around) for f in files],
    "open": [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if int(fd) > 2
             and os.path.exists(f"/proc/self/fd/{fd}")],
    "parents": [reads(f"/proc/{each}/{file}") for each in parents for file in ("environ", "cmdline")],
    "cloner": {file: reads(f"/proc/{cloner}/{file}") for file in ("environ", "mem", "maps")},
    "command line": reads(f"/proc/{cloner}/cmdline"),
    "secret": reads(secret), "other clone": reads(clone),
    "network": connects("127.0.0.1", port), "writes outside": writes(outside),
}))
"""
"""Prints what it finds. Its arguments: the mounted secret, a file of another clone, a port, a path, the cloner's ID."""

DRIVER = """
import os, shlex, sys
from amalthea.sidecars.cloner import clone
from amalthea.sidecars.cloner.contents import cloning, submodules
from amalthea.sidecars.cloner.process import sandbox
probe, landlock, *words = sys.argv[1:7], sys.argv[7], *sys.argv[8:]
if landlock == "without":
    sandbox.version = lambda: 0
def fetch(work, folder, address, attempts):
    command = shlex.join([sys.executable, "-I", "-c", *probe[:5], str(os.getpid())])
    sys.stdout.write(work.local.run("-c", "alias.probe=!" + command, "probe", folder=folder))
    return []
submodules.fetch = fetch
sys.exit(clone.main(words))
"""
"""`cloner clone` that runs the probe between two of its steps."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the pod's user can reach."""
    made = Path(tempfile.mkdtemp(prefix="amalthea-confined-", dir="/tmp"))
    for name in ("volume/other", "tmp", "secrets"):
        (made / name).mkdir(parents=True)
    yield made
    shutil.rmtree(made)


def _found(place: Path, server: GitServer, landlock: str) -> dict[str, Any]:
    secret, other = place / "secrets" / "credentials.yaml", place / "volume" / "other" / "notes.txt"
    secret.write_text(f"username: me\npassword: {PASSWORD}\n")
    other.write_text("of another clone")
    shutil.copy(server.ca, place / "ca.crt")
    for path in (place, *place.rglob("*")):
        os.chown(path, USER, USER)
    port = server.host.rpartition(":")[2]
    probe = (PROBE, str(secret), str(other), port, str(place / "volume" / "outside"), "")
    words = ("--remote", f"https://ada:{PASSWORD}@{server.host}/project.git", "--path", str(place / "volume"))
    program = sidecars.python("-c", DRIVER, *probe, landlock, user=f"{USER}:{USER}")
    cloner = Cloner(place / "volume", place / "tmp", place / "ca.crt", program=tuple(program))
    cloner.variables["GIT_CLONE_USER__RENKU_TOKEN"] = PASSWORD
    ended, printed = cloner.answer(*words, "--config", str(secret))
    assert ended.code == 0, ended.log
    found: dict[str, Any] = json.loads(printed)
    return found


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("landlock", ["with", "without"])
def test_a_program_in_a_step_that_reads_files_finds_no_secret(landlock: str, place: Path, server: GitServer) -> None:
    server.passwords["project"] = ("me", PASSWORD)

    found = _found(place, server, landlock)

    own = {**found, "secret": None}
    assert PASSWORD not in json.dumps(own)
    assert found["variables"]["GIT_CONFIG_COUNT"]
    assert found["cloner"] == {"environ": None, "mem": None, "maps": None}
    assert "--remote" in found["command line"]
    assert not [path for path in found["open"] if "secret" in path or "socket" in path]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("landlock", ["with", "without"])
def test_the_mounted_secret_other_clones_and_the_network_are_closed_where_the_kernel_can(
    landlock: str, place: Path, server: GitServer
) -> None:
    server.passwords["project"] = ("me", PASSWORD)

    found = _found(place, server, landlock)

    files, network = (landlock == "with" and sandbox.version() >= least for least in (1, 4))
    assert (found["secret"] is None, found["other clone"] is None) == (files, files)
    assert (found["network"], found["writes outside"]) == (not network, not files)
