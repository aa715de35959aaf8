"""`cloner clone` with a git configuration for the session: it is in its own clone, and in no other."""

from pathlib import Path

import pytest

from tests.sidecars.cloner.machine import Cloner
from tests.support.git import git
from tests.support.git_server import GitServer

pytestmark = pytest.mark.usefixtures("project")


def test_the_configuration_for_the_session_is_in_the_clone_and_follows_its_secret(
    cloner: Cloner, server: GitServer, tmp_path: Path
) -> None:
    config = tmp_path / "gitconfig"
    cloner.variables["CLONER_SESSION_CONFIG"] = str(config)
    clone = cloner.volume / "project"

    config.write_text("[user]\n\tname = Ada\n")
    assert cloner.clone(server.address("project")).code == 0
    assert git(clone, "config", "--local", "user.name") == "Ada"
    assert (clone / ".git" / "config").stat().st_mode & 0o777 == 0o600

    git(clone, "config", "user.email", "ada@example.org")
    assert cloner.clone(server.address("project")).code == 0
    assert git(clone, "config", "--local", "user.email") == "ada@example.org"

    config.write_text("[user]\n\tname = Grace")
    assert cloner.clone(server.address("project")).code == 0
    assert git(clone, "config", "--local", "--get-all", "user.name") == "Grace"
    assert git(clone, "remote", "get-url", "origin") == server.address("project")


def test_the_configuration_of_a_like_named_repository_stays_out_of_the_clone(
    cloner: Cloner, server: GitServer, tmp_path: Path
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[http]\n\textraHeader = first\n")
    cloner.variables["CLONER_SESSION_CONFIG"] = str(config)
    assert cloner.clone(server.address("project")).code == 0
    written = (cloner.volume / "project" / ".git" / "config").read_text()
    assert "first" in written

    config.write_text("[http]\n\textraHeader = second\n")
    other = f"https://{server.host}/others/project.git"
    ended = cloner.clone(other)

    assert ended.code == 0, ended.log
    assert f"project is not a clone of {other}: no git configuration is written into it." in ended.log
    assert (cloner.volume / "project" / ".git" / "config").read_text() == written


def test_a_configuration_that_is_none_starts_nothing(cloner: Cloner, server: GitServer, tmp_path: Path) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user\n secret-thing")
    cloner.variables["CLONER_SESSION_CONFIG"] = str(config)

    ended = cloner.clone(server.address("project"))

    assert (ended.code, server.clones) == (2, 0)
    assert "The key gitconfig of a repository's configSecretRef" in ended.log.splitlines()[-1]
    assert "secret-thing" not in ended.log
