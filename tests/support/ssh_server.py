"""An SSH server on a free port, for one user and one key: who runs the tests. It serves git repositories alone."""

import getpass
import os
import socket
import subprocess
import time
from pathlib import Path

from tests.support.processes import free_port

_SECONDS_TO_START = 10.0


class SshServer:
    """A real sshd. Ends with `close`."""

    def __init__(self, folder: Path, repositories: Path, address: str = "127.0.0.1") -> None:
        self._repositories = repositories
        self._address = address
        self.port = free_port()
        self.key = new_key(folder / "user", "open sesame")
        host_key = new_key(folder / "host")
        self.known_hosts = f"[{address}]:{self.port} {host_key.with_suffix('.pub').read_text()}"
        (folder / "authorized_keys").write_text(self.key.with_suffix(".pub").read_text())
        config = folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress {address}\nHostKey {host_key}\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\nPasswordAuthentication no\nStrictModes no\n"
            "PermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\n"
            'ForceCommand git shell -c "$SSH_ORIGINAL_COMMAND"\n'
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        with (folder / "sshd.log").open("wb") as log:
            self._process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stderr=log)
        self._wait()

    def address(self, repository: str) -> str:
        return f"ssh://{getpass.getuser()}@{self._address}:{self.port}{self._repositories}/{repository}.git"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _wait(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        while True:
            try:
                socket.create_connection((self._address, self.port), 1).close()
            except OSError:
                assert self._process.poll() is None, "sshd did not start"
                assert time.monotonic() < deadline, "sshd does not listen"
                time.sleep(0.05)
            else:
                return


def new_key(path: Path, passphrase: str = "") -> Path:
    """Make a key pair; return the path of its private half."""
    command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", path)
    subprocess.run(command, check=True, capture_output=True)
    return path
