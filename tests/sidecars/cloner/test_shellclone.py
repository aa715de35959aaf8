"""`cloner shellclone` against a real server: each repository with the user's own token, and a start whatever fails."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.sidecars.cloner.conftest import LARGE, Commits
from tests.sidecars.cloner.machine import Cloner, Ended
from tests.support.git import git
from tests.support.git_server import GitServer

pytestmark = pytest.mark.usefixtures("project")
TOKEN = "provider-token"
RENKU_TOKEN = "renku-token"


def _run(cloner: Cloner, *repositories: Mapping[str, str | None], **variables: str) -> Ended:
    numbered = {f"REPOSITORIES_{index}_": json.dumps(entry) for index, entry in enumerate(repositories)}
    given = {"MOUNT_PATH": str(cloner.volume), **numbered, **variables}
    cloner.variables = {f"GIT_CLONE_{name}": value for name, value in given.items()}
    return cloner.run("shellclone")


def test_repositories_are_cloned_with_the_names_and_the_proxy_of_the_session(
    cloner: Cloner, server: GitServer, project: Commits, empty: str
) -> None:
    ended = _run(
        cloner,
        {"url": server.address("project"), "provider": None, "branch": None, "commit_sha": None},
        {"url": server.address(empty)},
        IS_GIT_PROXY_ENABLED="1",
        GIT_PROXY_PORT="65480",
        USER__USERNAME="ada",
        USER__FULL_NAME="Ada Lovelace",
        USER__EMAIL="ada@example.org",
        USER__RENKU_TOKEN="None",
    )

    clone = cloner.volume / "project"
    assert ended.code == 0, ended.log
    assert git(clone, "rev-parse", "--abbrev-ref", "HEAD", "@{upstream}").split() == ["trunk", "origin/trunk"]
    assert git(clone, "rev-parse", "HEAD") == project.trunk
    wanted = {
        "http.proxy": "http://localhost:65480",
        "http.sslVerify": "false",
        "user.name": "Ada Lovelace",
        "user.email": "ada@example.org",
    }
    for folder in (clone, cloner.volume / "empty"):
        assert {name: git(folder, "config", "--local", name) for name in wanted} == wanted


def test_an_existing_folder_gets_its_proxy_settings_and_nothing_else(cloner: Cloner, server: GitServer) -> None:
    repository = {"url": server.address("project")}
    assert _run(cloner, repository, IS_GIT_PROXY_ENABLED="1", GIT_PROXY_PORT="65480").code == 0
    config = cloner.volume / "project" / ".git" / "config"
    clones = server.clones

    assert _run(cloner, repository, IS_GIT_PROXY_ENABLED="1", GIT_PROXY_PORT="7777").code == 0
    assert "proxy = http://localhost:7777" in config.read_text()
    assert _run(cloner, repository, IS_GIT_PROXY_ENABLED="0").code == 0
    assert "proxy" not in config.read_text()
    assert "sslVerify" not in config.read_text()
    assert server.clones == clones


@pytest.mark.usefixtures("large")
def test_the_users_token_opens_private_repositories_and_is_seen_by_nobody(cloner: Cloner, server: GitServer) -> None:
    server.passwords.update(project=("oauth2", TOKEN), large=("oauth2", TOKEN), inner=("oauth2", TOKEN))
    server.tokens[f"/token/hub {RENKU_TOKEN}"] = TOKEN
    server.secrets |= {TOKEN, RENKU_TOKEN}
    provider = json.dumps({"id": "hub", "access_token_url": f"https://{server.host}/token/hub"})

    ended = _run(
        cloner,
        {"url": server.address("project"), "provider": "hub"},
        {"url": server.address("large"), "provider": "hub"},
        {"url": server.address("inner"), "provider": "hub"},
        GIT_PROVIDERS_0_=provider,
        USER__RENKU_TOKEN=RENKU_TOKEN,
        LFS_AUTO_FETCH="1",
    )

    assert ended.code == 0, ended.log
    assert (cloner.volume / "project" / "notes.txt").is_file()
    assert (cloner.volume / "large" / "inner" / "data.bin").read_bytes() == LARGE
    assert server.shown == set()
    assert TOKEN not in ended.log
    assert RENKU_TOKEN not in ended.log
    files = [path for path in cloner.volume.rglob("*") if path.is_file()]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_large_files_are_left_to_the_session_unless_they_are_wanted(
    cloner: Cloner, server: GitServer, large: str
) -> None:
    assert _run(cloner, {"url": server.address("large")}, LFS_AUTO_FETCH="0").code == 0

    assert (cloner.volume / "large" / "data.bin").read_text() == large
    assert "--skip" in git(cloner.volume / "large", "config", "filter.lfs.smudge")


def test_without_a_token_what_is_public_is_cloned_all_the_same(cloner: Cloner, server: GitServer) -> None:
    provider = json.dumps({"id": "hub", "access_token_url": f"https://{server.host}/token/hub"})

    ended = _run(
        cloner,
        {"url": server.address("project"), "provider": "hub"},
        GIT_PROVIDERS_0_=provider,
        USER__RENKU_TOKEN="expired",
    )

    assert ended.code == 0
    assert "No token of hub is available; continuing without one." in ended.log
    assert (cloner.volume / "project" / "notes.txt").is_file()


@pytest.mark.usefixtures("empty")
def test_one_that_fails_leaves_a_word_and_the_next_start_tries_it_again(cloner: Cloner, server: GitServer) -> None:
    server.passwords["project"] = ("oauth2", TOKEN)
    repositories = ({"url": server.address("project")}, {"url": server.address("empty")})

    ended = _run(cloner, *repositories)

    folder = cloner.volume / "project"
    assert ended.code == 0
    assert [path.name for path in folder.iterdir()] == ["ERROR"]
    assert "its server refuses access" in (folder / "ERROR").read_text()
    assert (cloner.volume / "empty" / ".git").is_dir()

    server.passwords.clear()
    assert _run(cloner, *repositories).code == 0
    assert sorted(path.name for path in folder.iterdir()) == [".git", "notes.txt"]


@pytest.mark.parametrize(
    ("branch", "commit", "stands_on"),
    [
        ("feature/x", None, "feature/x"),
        ("trunk", "first", "trunk"),
        (None, "first", "trunk"),
        (None, "feature", "HEAD"),
    ],
    ids=["branch", "branch and commit", "commit", "commit on another branch"],
)
def test_the_wanted_branch_and_commit_are_checked_out(
    branch: str | None, commit: str | None, stands_on: str, cloner: Cloner, server: GitServer, project: Commits
) -> None:
    sha = getattr(project, commit) if commit else None

    ended = _run(cloner, {"url": server.address("project"), "branch": branch, "commit_sha": sha})

    clone = cloner.volume / "project"
    assert ended.code == 0, ended.log
    assert git(clone, "rev-parse", "--abbrev-ref", "HEAD") == stands_on
    assert git(clone, "rev-parse", "HEAD") == (sha or project.feature)
    if stands_on != "HEAD":
        assert git(clone, "rev-parse", "--abbrev-ref", "@{upstream}") == f"origin/{stands_on}"


def test_an_entry_that_cannot_be_used_leaves_a_word_and_keeps_no_session_from_starting(
    cloner: Cloner, server: GitServer
) -> None:
    (cloner.volume / "mine").mkdir()
    (cloner.volume / "mine" / "thesis.tex").write_text("mine")

    ended = _run(
        cloner,
        {"url": "www.example.org/o/bad"},
        {"url": "www.example.org/o/mine"},
        {"url": None},
        {"url": server.address("project"), "provider": "hub"},
        GIT_PROVIDERS_0_=json.dumps({"id": "hub", "access_token_url": None}),
        USER__RENKU_TOKEN=RENKU_TOKEN,
    )

    assert ended.code == 0, ended.log
    assert "GIT_CLONE_REPOSITORIES_0_ is not an address" in (cloner.volume / "bad" / "ERROR").read_text()
    assert [path.name for path in (cloner.volume / "mine").iterdir()] == ["thesis.tex"]
    assert "GIT_CLONE_REPOSITORIES_2_ has no url" in ended.log
    assert "GIT_CLONE_GIT_PROVIDERS_0_ needs an id" in ended.log
    assert (cloner.volume / "project" / "notes.txt").is_file()


def test_a_volume_that_cannot_be_written_keeps_no_session_from_starting(cloner: Cloner, server: GitServer) -> None:
    (cloner.volume / "file").touch()
    cloner.volume = Path(cloner.volume / "file")

    ended = _run(cloner, {"url": server.address("project")})

    assert ended.code == 0
    assert "Traceback" not in ended.log
    assert "could not be written" in ended.log
