"""`cloner clone` against a real server: what stands in the clone's place is whole, and holds no secret."""

import shutil
import subprocess
from pathlib import Path

import pytest

from amalthea.sidecars.cloner import cloning, remote
from amalthea.sidecars.cloner.errors import CloneFailed
from tests.sidecars.cloner.conftest import LARGE, Commits
from tests.sidecars.cloner.machine import Cloner, all_gone, descendants, kill_family
from tests.support.git import git
from tests.support.git_server import GitServer
from tests.support.processes import free_port

pytestmark = pytest.mark.usefixtures("project")
PASSWORD = "p%40ss:word 'with\" everything"


def _branch(clone: Path) -> str:
    return git(clone, "rev-parse", "--abbrev-ref", "HEAD")


def _credentials(path: Path, user: str, password: str) -> str:
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    path.write_text(f'username: {user}\npassword: "{quoted}"\n')
    return str(path)


def test_the_default_branch_is_tracked_and_no_head_is_detached(
    cloner: Cloner, server: GitServer, project: Commits
) -> None:
    ended = cloner.clone(server.address("project"))

    clone = cloner.volume / "project"
    assert ended.code == 0, ended.log
    assert (_branch(clone), git(clone, "rev-parse", "HEAD")) == ("trunk", project.trunk)
    assert git(clone, "rev-parse", "--abbrev-ref", "@{upstream}") == "origin/trunk"
    assert git(clone, "status", "--porcelain") == ""
    assert (clone / "notes.txt").read_text() == "second\n"
    assert "done." in ended.log


@pytest.mark.parametrize(
    ("revision", "branch", "commit"),
    [
        ("feature/x", "feature/x", "feature"),
        ("trunk", "trunk", "trunk"),
        ("refs/heads/feature/x", "feature/x", "feature"),
        ("HEAD", "trunk", "trunk"),
        ("v1", "HEAD", "first"),
        ("refs/tags/v1", "HEAD", "first"),
        ("FIRST", "HEAD", "first"),
        ("SHORT", "HEAD", "first"),
        ("HIDDEN", "HEAD", "hidden"),
    ],
    ids=[
        "branch",
        "default branch",
        "whole branch",
        "HEAD",
        "tag",
        "whole tag",
        "commit",
        "short commit",
        "commit on no branch",
    ],
)
def test_a_branch_is_tracked_and_a_tag_or_commit_is_found(  # noqa: PLR0917  (a table and its world)
    revision: str, branch: str, commit: str, cloner: Cloner, server: GitServer, project: Commits, repositories: Path
) -> None:
    git(repositories / "project.git", "config", "uploadpack.allowAnySHA1InWant", "true")
    known = {"FIRST": project.first, "SHORT": project.first[:10], "HIDDEN": project.hidden}

    ended = cloner.clone(server.address("project"), "--revision", known.get(revision, revision))

    clone = cloner.volume / "project"
    assert ended.code == 0, ended.log
    assert (_branch(clone), git(clone, "rev-parse", "HEAD")) == (branch, getattr(project, commit))


def test_the_default_branch_is_tracked_where_a_tag_has_its_name(
    cloner: Cloner, server: GitServer, twins: tuple[str, str]
) -> None:
    ended = cloner.clone(server.address("twins"))

    clone = cloner.volume / "twins"
    assert ended.code == 0, ended.log
    assert git(clone, "symbolic-ref", "HEAD") == "refs/heads/trunk"
    assert git(clone, "rev-parse", "HEAD") == twins[0]
    assert git(clone, "rev-parse", "--symbolic-full-name", "@{upstream}") == "refs/remotes/origin/trunk"


@pytest.mark.parametrize(
    ("revision", "head", "place"),
    [
        ("v1", "refs/heads/v1", 0),
        ("refs/heads/v1", "refs/heads/v1", 0),
        ("refs/tags/v1", "HEAD", 1),
    ],
)
def test_a_whole_name_means_no_like_named_branch_or_tag(
    revision: str, head: str, place: int, cloner: Cloner, server: GitServer, twins: tuple[str, str]
) -> None:
    ended = cloner.clone(server.address("twins"), "--revision", revision)

    clone = cloner.volume / "twins"
    assert ended.code == 0, ended.log
    assert git(clone, "rev-parse", "--symbolic-full-name", "HEAD") == head
    assert git(clone, "rev-parse", "HEAD") == twins[place]


@pytest.mark.parametrize("revision", ["no-such", "0" * 40, "refs/heads/v1", "refs/tags/trunk"])
def test_a_revision_that_is_not_there_leaves_nothing_and_says_so(
    revision: str, cloner: Cloner, server: GitServer
) -> None:
    ended = cloner.clone(server.address("project"), "--revision", revision)

    assert ended.code == 1
    assert ended.log.endswith(
        f"Cloning {server.address('project')} failed: "
        f"it has no branch, tag or commit {revision}; correct the revision.\n"
    )
    assert list(cloner.volume.iterdir()) == []


def test_a_resume_clones_nothing_again_and_leaves_the_work_of_the_user(cloner: Cloner, server: GitServer) -> None:
    assert cloner.clone(server.address("project")).code == 0
    (cloner.volume / "project" / "notes.txt").write_text("my own\n")
    clones = server.clones

    ended = cloner.clone(server.address("project"))

    assert (ended.code, server.clones) == (0, clones)
    assert (cloner.volume / "project" / "notes.txt").read_text() == "my own\n"


def test_files_in_the_way_are_never_touched_and_an_empty_folder_is_used(cloner: Cloner, server: GitServer) -> None:
    place = cloner.volume / "project"
    place.mkdir()
    assert cloner.clone(server.address("project")).code == 0
    assert (place / ".git").is_dir()

    other = cloner.volume / "empty"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    assert cloner.clone(server.address("empty")).code == 0
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]


def test_an_empty_repository_is_fine(cloner: Cloner, server: GitServer, empty: str) -> None:
    ended = cloner.clone(server.address(empty))

    assert ended.code == 0, ended.log
    assert (cloner.volume / "empty" / ".git").is_dir()


def test_submodules_and_large_files_are_there_and_the_clone_looks_after_them(
    cloner: Cloner, server: GitServer, large: str
) -> None:
    ended = cloner.clone(server.address("large"))

    clone = cloner.volume / "large"
    assert ended.code == 0, ended.log
    assert "Downloading LFS objects: " in ended.log
    assert (clone / "data.bin").read_bytes() == LARGE
    assert (clone / "inner" / "data.bin").read_bytes() == LARGE
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "config", "filter.lfs.clean").startswith("git-lfs clean")
    assert large in git(clone, "show", "HEAD:data.bin") + "\n"


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
        f"Cloning {server.address('project')} failed: its server does not let us in; "
        "give credentials if it is private, and correct them if they are given."
    )
    assert "Trying again" not in ended.log
    assert "wrong-secret" not in ended.log
    assert list(cloner.volume.iterdir()) == []


def test_no_such_repository(cloner: Cloner, server: GitServer) -> None:
    ended = cloner.clone(server.address("nothing"))

    assert ended.code == 1
    assert ended.log.splitlines()[-1].endswith(
        "knows no such repository, or hides it; check the address and the credentials."
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


def test_a_clone_that_breaks_off_is_cleared_away_and_made_again(
    cloner: Cloner, server: GitServer, project: Commits
) -> None:
    server.faults.extend(["break", "busy"])

    ended = cloner.clone(server.address("project"))

    assert ended.code == 0, ended.log
    assert server.clones == 3
    assert (
        "cannot be reached or breaks off; check the address, and try again later. Trying again in 1 s." in ended.log
    ), ended.log
    assert "has too much to do or a fault of its own; try again later. Trying again in 2 s." in ended.log
    assert git(cloner.volume / "project", "rev-parse", "HEAD") == project.trunk
    assert [path.name for path in cloner.volume.iterdir()] == ["project"]


def _start_and_hold(cloner: Cloner, server: GitServer) -> subprocess.Popen[bytes]:
    """Start a clone that has got half of its data."""
    server.faults.append("hold")
    process = cloner.start("clone", "--remote", server.address("project"), "--path", str(cloner.volume))
    assert server.held.wait(20)
    return process


def test_a_clone_that_is_killed_is_not_taken_for_a_finished_one(
    cloner: Cloner, server: GitServer, project: Commits
) -> None:
    with _start_and_hold(cloner, server) as process:
        kill_family(process)
    assert not (cloner.volume / "project").exists()

    ended = cloner.clone(server.address("project"))

    assert ended.code == 0, ended.log
    assert git(cloner.volume / "project", "rev-parse", "HEAD") == project.trunk
    assert [path.name for path in cloner.volume.iterdir()] == ["project"]


def test_a_pod_that_is_stopped_ends_the_clone_well_and_leaves_nothing(cloner: Cloner, server: GitServer) -> None:
    with _start_and_hold(cloner, server) as process:
        children = list(descendants(process.pid))
        process.terminate()
        log = process.communicate(timeout=20)[1].decode()

    assert process.returncode == 0, log
    assert children
    assert all_gone(children)
    assert (list(cloner.volume.iterdir()), list(cloner.temporary.iterdir())) == ([], [])


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
    assert f"project is no clone of {other}: no git configuration is written into it." in ended.log
    assert (cloner.volume / "project" / ".git" / "config").read_text() == written


def test_a_configuration_that_is_none_starts_nothing(cloner: Cloner, server: GitServer, tmp_path: Path) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user\n secret-thing")
    cloner.variables["CLONER_SESSION_CONFIG"] = str(config)

    ended = cloner.clone(server.address("project"))

    assert (ended.code, server.clones) == (2, 0)
    assert "The key gitconfig of a repository's configSecretRef" in ended.log.splitlines()[-1]
    assert "secret-thing" not in ended.log


def test_a_large_file_that_the_server_lacks_is_named_as_the_cause(
    cloner: Cloner, server: GitServer, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(server.large_files, large.partition("sha256:")[2][:64])

    ended = cloner.clone(server.address("large"))

    assert ended.code == 1
    assert ended.log.splitlines()[-1] == (
        f"Fetching the large files of {server.address('large')} failed: "
        "the server lacks one of its large files; ask somebody who has it to push it."
    )
    assert list(cloner.volume.iterdir()) == []


def test_a_server_that_stays_away_is_given_up_after_the_last_try(tmp_path: Path) -> None:
    source = remote.parse(f"https://127.0.0.1:{free_port()}/project", "--remote")
    paused: list[float] = []

    with pytest.raises(CloneFailed, match="cannot be reached or breaks off"):
        cloning.make(cloning.Order(source, tmp_path / "project"), lambda *_: None, paused.append)

    assert tuple(paused) == cloning.PAUSES
    assert list(tmp_path.iterdir()) == []
