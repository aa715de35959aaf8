"""Traps that a user, or a repository, may leave in a clone's place: the cloner neither waits for nor follows them."""

import os
from pathlib import Path

import pytest

from tests.sidecars.cloner.conftest import Commits
from tests.sidecars.cloner.machine import Cloner, kill_family
from tests.support import sidecars
from tests.support.git_server import GitServer

pytestmark = pytest.mark.usefixtures("project")
IN_VOLUME = (
    "import os, sys; os.chdir(sys.argv[1]); from amalthea.sidecars.main import main; sys.exit(main(sys.argv[2:]))"
)


def _session_config(cloner: Cloner, place: Path) -> None:
    place.write_text("[user]\n\tname = Ada\n")
    cloner.variables["CLONER_SESSION_CONFIG"] = str(place)


@pytest.mark.parametrize("name", ["HEAD", "config", "config.session", "config.lock", "index", "commondir"])
@pytest.mark.parametrize("program", ["clone", "shellclone"])
def test_a_pipe_in_git_s_folder_does_not_keep_a_start_waiting(
    name: str, program: str, cloner: Cloner, server: GitServer, tmp_path: Path
) -> None:
    _session_config(cloner, tmp_path / "gitconfig")
    assert cloner.clone(server.address("project")).code == 0
    pipe = cloner.volume / "project" / ".git" / name
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Grace\n")
    cloner.variables.update(GIT_CLONE_MOUNT_PATH=str(cloner.volume), GIT_CLONE_IS_GIT_PROXY_ENABLED="1")
    cloner.variables.update(
        GIT_CLONE_GIT_PROXY_PORT="65480", GIT_CLONE_REPOSITORIES_0_=f'{{"url": "{server.address("project")}"}}'
    )

    ended = cloner.clone(server.address("project")) if program == "clone" else cloner.run("shellclone")

    assert ended.code in (0, 1), ended.log
    assert ended.log.splitlines()[-1].endswith(".")
    assert "Traceback" not in ended.log


@pytest.mark.parametrize("name", ["project", "project/.git"])
def test_a_pipe_in_a_clone_s_place_does_not_keep_a_start_waiting(
    name: str, cloner: Cloner, server: GitServer, tmp_path: Path
) -> None:
    _session_config(cloner, tmp_path / "gitconfig")
    pipe = cloner.volume / name
    pipe.parent.mkdir(exist_ok=True)
    os.mkfifo(pipe)

    ended = cloner.clone(server.address("project"))

    assert ended.code == 0, ended.log
    assert "already exists and is left as it is." in ended.log


def test_a_broken_repository_in_the_working_directory_is_not_read(
    cloner: Cloner, server: GitServer, project: Commits, tmp_path: Path
) -> None:
    _session_config(cloner, tmp_path / "gitconfig")
    (cloner.volume / ".git").mkdir()
    (cloner.volume / ".git" / "config").write_text("[core\n")
    (cloner.volume / ".git" / "HEAD").write_text("ref: refs/heads/x\n")
    cloner.program = tuple(sidecars.python("-c", IN_VOLUME, str(cloner.volume)))

    ended = cloner.clone(server.address("project"))

    assert ended.code == 0, ended.log
    assert project.trunk in (cloner.volume / "project" / ".git" / "packed-refs").read_text()


@pytest.mark.parametrize("name", ["x/.git.git", "x/.GIT", "x/.git", ".GiT/", "x/git~1", "x/.git%2e", "x/.git ."])
def test_a_repository_that_would_become_git_s_own_folder_is_refused(
    name: str, cloner: Cloner, server: GitServer
) -> None:
    ended = cloner.clone(f"https://{server.host}/{name}")

    assert ended.code in (1, 2)
    assert [path.name for path in cloner.volume.iterdir() if path.name.lower().startswith((".git", "git~"))] == []


@pytest.mark.parametrize(
    ("allowed", "last"),
    [
        ("", b"its password would be sent unencrypted"),
        ("other.org", b"its password would be sent unencrypted"),
        ("other.org,HOST", b"Trying again"),
    ],
)
def test_a_password_is_not_sent_in_clear_but_to_hosts_that_are_listed(
    allowed: str, last: bytes, cloner: Cloner, server: GitServer, tmp_path: Path
) -> None:
    secret = tmp_path / "credentials.yaml"
    secret.write_text("username: me\npassword: hush-hush\n")
    cloner.variables["GIT_CLONE_ALLOW_HTTP_HOSTS"] = allowed.replace("HOST", server.host)
    words = ("--remote", f"http://{server.host}/project.git", "--path", str(cloner.volume), "--config", str(secret))

    with cloner.start("clone", *words) as process:
        assert process.stderr is not None
        log = b""
        while last not in log and (line := process.stderr.readline()):
            log += line
        kill_family(process)

    assert last in log, log
    assert b"hush-hush" not in log
