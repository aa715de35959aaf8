"""Clones over SSH: the key and its password open the repository, and no stranger's server is taken for a known one."""

import os
from pathlib import Path

import pytest

from tests.sidecars.cloner.conftest import Commits
from tests.sidecars.cloner.machine import Cloner
from tests.support import sidecars
from tests.support.folders import let_others_in
from tests.support.git import git
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshServer, new_key

_AS_NOBODY = """\
import os, sys, yaml, amalthea.sidecars.cloner.clone  # before: the user may not read where Python is
from amalthea.sidecars.main import main
os.setgroups([])
os.setgid(54321)
os.setuid(54321)
sys.exit(main())
"""


def _credentials(path: Path, key: Path, password: str = "", known_hosts: str = "") -> str:
    lines = "".join(f"  {line}\n" for line in key.read_text().splitlines())
    known = f"knownHosts: |\n  {known_hosts}" if known_hosts else ""
    path.write_text(f"privateKey: |\n{lines}password: {password}\n{known}")
    return str(path)


@pytest.mark.parametrize("known", [True, False], ids=["known host", "host seen for the first time"])
def test_a_key_with_a_password_opens_the_repository(
    known: bool, cloner: Cloner, ssh: SshServer, server: GitServer, project: Commits, tmp_path: Path
) -> None:
    path = _credentials(tmp_path / "key.yaml", ssh.key, "open sesame", ssh.known_hosts if known else "")

    ended = cloner.clone(ssh.address("project"), "--config", path)

    assert ended.code == 0, ended.log
    assert git(cloner.volume / "project", "rev-parse", "HEAD") == project.trunk
    assert "open sesame" not in ended.log
    assert (list(cloner.temporary.iterdir()), server.shown) == ([], set())


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("stranger", "password", "end"),
    [
        (True, "", "its private key or the key's password is wrong; correct the repository's credentials."),
        (False, "wrong", "its private key or the key's password is wrong; correct the repository's credentials."),
    ],
    ids=["another's key", "wrong password"],
)
def test_a_key_that_does_not_fit_is_said_in_plain_words(
    stranger: bool, password: str, end: str, cloner: Cloner, ssh: SshServer, tmp_path: Path
) -> None:
    key = new_key(tmp_path / "stranger") if stranger else ssh.key

    ended = cloner.clone(ssh.address("project"), "--config", _credentials(tmp_path / "key.yaml", key, password))

    assert ended.code == 1
    assert ended.log.splitlines()[-1].endswith(end)
    assert list(cloner.volume.iterdir()) == []


@pytest.mark.usefixtures("project")
def test_a_server_with_another_host_key_gets_nothing(cloner: Cloner, ssh: SshServer, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other").with_suffix(".pub").read_text()
    path = _credentials(tmp_path / "key.yaml", ssh.key, "open sesame", f"[127.0.0.1]:{ssh.port} {other}")

    ended = cloner.clone(ssh.address("project"), "--config", path)

    assert ended.code == 1
    assert "host key is not the known one" in ended.log.splitlines()[-1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as a user without a name")
def test_a_user_without_a_name_can_clone_over_ssh(
    cloner: Cloner, ssh: SshServer, project: Commits, tmp_path: Path
) -> None:
    path = Path(_credentials(tmp_path / "key.yaml", ssh.key, "open sesame"))
    cloner.program = tuple(sidecars.python("-c", _AS_NOBODY))
    for place in (cloner.volume, cloner.temporary, path):
        os.chown(place, 54321, 54321)
    let_others_in(tmp_path)

    ended = cloner.clone(ssh.address("project"), "--config", str(path))

    assert ended.code == 0, ended.log
    assert git(cloner.volume / "project", "rev-parse", "HEAD") == project.trunk
    assert (cloner.volume / "project").stat().st_uid == 54321
