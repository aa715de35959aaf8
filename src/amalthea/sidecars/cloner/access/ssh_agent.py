"""An ssh-agent that holds the repository's private key during one network step (ssh-agent(1)).

git and ssh get the agent's socket, never the key. The key and its passphrase are in files for the moment in which
`ssh-add` reads them.
"""

import contextlib
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from amalthea.sidecars.cloner.access.credentials import Key
from amalthea.sidecars.cloner.errors import GitFailed, Misconfigured
from amalthea.sidecars.cloner.process.files import write

_SECONDS = 15.0


@contextlib.contextmanager
def holding(key: Key, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the path of the agent's socket while the block lasts.

    Raises:
        GitFailed: the key or its passphrase is wrong. It holds what ssh-add said.
        Misconfigured: the folder's path is too long for a socket.
    """
    place = folder / "agent"
    words = ("ssh-agent", "-D", "-a", str(place))
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as agent:  # noqa: S603
        try:
            assert agent.stdout is not None
            if not agent.stdout.readline():  # it has bound its socket before it prints
                raise Misconfigured("ssh-agent cannot be started; TMPDIR may be too long for a socket.")
            _add(key, folder, {**environment, "SSH_AUTH_SOCK": str(place)})
            yield str(place)
        finally:
            agent.terminate()
            with contextlib.suppress(FileNotFoundError):
                place.unlink()


def _add(key: Key, folder: Path, environment: Mapping[str, str]) -> None:
    private, passphrase = folder / "key", folder / "passphrase"
    try:
        write(private, key.private_key)
        write(passphrase, f"{key.passphrase}\n")
        asked = write(folder / "askpass", f"#!/bin/sh\nexec cat {shlex.quote(str(passphrase))}\n", 0o700)
        done = subprocess.run(  # noqa: S603
            ("ssh-add", "-q", str(private)),  # noqa: S607  (found by PATH, as git is)
            env={**environment, "SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        # With a wrong passphrase ssh-add asks again and again.
        raise GitFailed("Load key failed: incorrect passphrase") from None
    finally:
        for path in (private, passphrase, folder / "askpass"):
            path.unlink(missing_ok=True)
    if done.returncode != 0:
        raise GitFailed(f"Load key failed: {done.stderr}")
