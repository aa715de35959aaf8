"""`cloner clone` of private repositories: credentials and authorities open what they are for, and nothing more."""

import shutil
from pathlib import Path

import pytest

from tests.sidecars.cloner.conftest import LARGE
from tests.sidecars.cloner.machine import Cloner
from tests.support.git import git
from tests.support.git_server import GitServer

pytestmark = pytest.mark.usefixtures("project")
PASSWORD = "p%40ss:word 'with\" everything"


def _credentials(path: Path, user: str, password: str) -> str:
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    path.write_text(f'username: {user}\npassword: "{quoted}"\n')
    return str(path)


@pytest.mark.usefixtures("large")
def test_two_private_repositories_each_with_its_own_password(cloner: Cloner, server: GitServer, tmp_path: Path) -> None:
    server.passwords.update(project=("ada", PASSWORD), large=("bob", "other-secret"), inner=("bob", "other-secret"))
    server.secrets |= {PASSWORD, "other-secret"}

    first = cloner.clone(server.address("project"), "--config", _credentials(tmp_path / "one.yaml", "ada", PASSWORD))
    other = Path(_credentials(tmp_path / "two.yaml", "bob", "other-secret"))
    other.write_text(f"{other.read_text()}otherPaths: |\n  inner\n")
    second = cloner.clone(server.address("large"), "--config", str(other))

    assert (first.code, second.code) == (0, 0), first.log + second.log
    assert (cloner.volume / "large" / "inner" / "data.bin").read_bytes() == LARGE
    assert server.shown == set()
    assert PASSWORD not in first.log
    assert "other-secret" not in second.log
    assert _files_with(cloner.volume, PASSWORD) == _files_with(cloner.volume, "other-secret") == []
    assert list(cloner.temporary.iterdir()) == []


def test_a_password_in_the_address_opens_the_repository_and_stays_out_of_the_clone(
    cloner: Cloner, server: GitServer
) -> None:
    server.passwords["project"] = ("ada", "in-address")
    server.secrets.add("in-address")

    ended = cloner.clone(f"https://ada:in-address@{server.host}/project.git")

    assert ended.code == 0, ended.log
    assert server.shown == set()
    assert "in-address" not in ended.log
    assert _files_with(cloner.volume, "in-address") == []
    assert git(cloner.volume / "project", "remote", "get-url", "origin") == server.address("project")


def _files_with(folder: Path, secret: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.mark.parametrize("given", [False, True])
def test_a_repository_that_does_not_let_us_in_is_said_once_and_in_plain_words(
    given: bool, cloner: Cloner, server: GitServer, tmp_path: Path
) -> None:
    server.passwords["project"] = ("ada", PASSWORD)
    flags = ("--config", _credentials(tmp_path / "wrong.yaml", "ada", "wrong-secret")) if given else ()

    ended = cloner.clone(server.address("project"), *flags)

    assert ended.code == 1
    assert ended.log.splitlines()[-1] == (
        f"Cloning {server.address('project')} failed: its server refuses access; "
        "give credentials if it is private, or correct those that are given."
    )
    assert "Trying again" not in ended.log
    assert "wrong-secret" not in ended.log
    assert list(cloner.volume.iterdir()) == []


def test_no_such_repository(cloner: Cloner, server: GitServer) -> None:
    ended = cloner.clone(server.address("nothing"))

    assert ended.code == 1
    assert ended.log.splitlines()[-1].endswith(
        "has no such repository, or hides it; check the address and the credentials."
    )


def test_a_server_that_nobody_vouches_for_is_not_talked_to(cloner: Cloner, server: GitServer) -> None:
    cloner.ca = Path("/etc/ssl/certs/ca-certificates.crt")

    ended = cloner.clone(server.address("project"))

    assert ended.code == 1
    assert ended.log.splitlines()[-1].endswith("or ask your administrators to trust it.")


@pytest.mark.usefixtures("large")
def test_a_private_authority_is_believed_for_this_clone_and_by_git_in_the_session(
    cloner: Cloner, server: GitServer, tmp_path: Path
) -> None:
    authority = "".join(f"  {line}\n" for line in server.ca.read_text().splitlines())
    credentials = tmp_path / "credentials.yaml"
    credentials.write_text(f"caCertificates: |\n{authority}")
    cloner.ca = Path("/etc/ssl/certs/ca-certificates.crt")

    ended = cloner.clone(server.address("large"), "--config", str(credentials))

    assert ended.code == 0, ended.log
    clone = cloner.volume / "large"
    assert (clone / "data.bin").read_bytes() == (clone / "inner" / "data.bin").read_bytes() == LARGE
    git(clone, "fetch", "--recurse-submodules")
    git(clone / "inner", "fetch")
    shutil.rmtree(clone / ".git" / "lfs" / "objects")
    git(clone, "lfs", "fetch")
