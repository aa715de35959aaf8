"""The files on the cluster: never outside the session's folder, nothing that Slurm or a shell reads otherwise."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from amalthea.remote.errors import Refused
from amalthea.remote.firecrest.api.answers import FileSystem
from amalthea.remote.firecrest.prepare import directives, environment, folder, image, repositories, script
from amalthea.remote.firecrest.prepare.environment import Repository
from amalthea.remote.firecrest.settings import FirecrestSettings

SHA = "sha256:" + "0123456789abcdef" * 4
IMAGES = {
    f"python:3.13@{SHA}": f"python@{SHA}",
    "python": "python:latest",
    "docker.io/renku/x:1": "renku/x:1",
    "docker.io/library/python:3": "python:3",
    "harbor.x/a/b/c:main": "harbor.x#a/b/c:main",
    f"harbor.x/a/b:t@{SHA}": f"harbor.x#a/b@{SHA}",
    "harbor.x/a/b": "harbor.x#a/b:latest",
    "no image at all": "no image at all",
}


@pytest.mark.parametrize(("written", "spelled"), IMAGES.items(), ids=IMAGES)
def test_enroot_gets_its_own_spelling(written: str, spelled: str) -> None:
    assert image.enroot(written) == spelled


def disk(path: str, kind: str = "scratch", *, work: bool = False) -> FileSystem:
    return FileSystem(path, kind, work)


@pytest.mark.parametrize(
    ("disks", "path"),
    [
        ([disk("/a"), disk("/b")], "/b"),
        ([disk("/a", work=True), disk("/b")], "/a"),
        ([disk("/a", work=True), disk("/b", work=True), disk("/c")], "/b"),
        ([disk("/h", "users", work=True), disk("/s")], "/s"),
    ],
)
def test_the_scratch_that_is_a_work_directory_comes_first(disks: list[FileSystem], path: str) -> None:
    assert folder.scratch(tuple(disks)) == path


def test_a_cluster_without_scratch_is_refused() -> None:
    with pytest.raises(Refused, match="no scratch"):
        folder.scratch((disk("/h", "users"),))


@pytest.mark.parametrize(
    ("project", "session", "path"),
    [
        ("group/project", "/sessions/mine", "group/project/mine"),
        ("group/project/", "/sessions/mine/", "group/project/mine"),
        ("", "", "dev-project/dev-session"),
        ("a.b/c_d", "/other/mine", "a.b/c_d/other/mine"),
    ],
)
def test_the_folder_is_the_sessions_own_and_the_same_each_time(project: str, session: str, path: str) -> None:
    env = {"RENKU_PROJECT_PATH": project, "RENKU_BASE_URL_PATH": session}
    assert folder.session_folder("/scratch", "alice", env) == f"/scratch/alice/renku/sessions/{path}"


@pytest.mark.parametrize("name", ["RENKU_PROJECT_PATH", "RENKU_BASE_URL_PATH"])
@pytest.mark.parametrize("value", ["../../bob", "a/../../b", "a b", "a'b", "a;rm", "$(x)", "a\nb", ".", "/", "a/./b"])
def test_no_name_leads_elsewhere_or_into_a_command(name: str, value: str) -> None:
    with pytest.raises(Refused, match=name):
        folder.session_folder("/scratch", "alice", {name: value})


def test_a_user_name_or_path_of_the_cluster_that_is_no_plain_one_is_refused() -> None:
    for scratch, user in (("/scratch'", "alice"), ("/scratch", "al ice"), ("/scratch", "..")):
        with pytest.raises(Refused, match="ask its admins"):
            folder.session_folder(scratch, user, {})


SETTINGS = FirecrestSettings("https://f", "lab", "gpu", "proj1", "4", "16384", "1", walltime=90)


def test_what_is_asked_for_stands_in_slurms_lines() -> None:
    lines = directives.directives(SETTINGS, walltime=True)
    assert [line.removeprefix("#SBATCH --") for line in lines] == [
        *("nodes=1", "ntasks-per-node=1", "no-requeue", "partition=gpu", "account=proj1"),
        *("cpus-per-task=4", "mem=16384M", "gpus=1", "time=90"),
    ]
    assert "#SBATCH --time=90" not in directives.directives(SETTINGS, walltime=False)


@pytest.mark.parametrize("value", ["a b", "a\n#SBATCH --uid=0", 'a"b', "a'b", "a;b", "a`b"])
def test_no_value_makes_a_line_of_its_own(value: str) -> None:
    with pytest.raises(Refused, match="RSC_FIRECREST_PARTITION"):
        directives.directives(FirecrestSettings("https://f", "lab", value), walltime=True)


def test_later_sources_of_a_variable_count_and_the_controllers_own_stay_here() -> None:
    env = {
        "USER_ENV_MINE": "1",
        "USER_ENV_RENKU_PROJECT_PATH": "users",
        "RENKU_PROJECT_PATH": "group/project",
        "RENKUFOO": "2",
        "REMOTE_SESSION_IMAGE": "harbor.x/a:1",
        "RSC_AUTH_RENKU_REFRESH_TOKEN": "secret",
        "RSC_WSTUNNEL_SECRET": "secret",
        "PATH": "/bin",
        "USER_ENV_WITH.DOT": "x",
        "USER_ENV_A B": "x",
        "USER_ENV_UID": "x",
        "USER_ENV_OPTIND": "x",
        "USER_ENV_GROUPS": "x",
        "USER_ENV__": "x",
    }
    found = environment.variables(env, [Repository("one", "main"), Repository("two", "")])
    assert found == {
        "MINE": "1",
        "RENKU_PROJECT_PATH": "group/project",
        "RENKUFOO": "2",
        "REMOTE_SESSION_IMAGE": "harbor.x#a:1",
        "GIT_REPOSITORIES": "one\tmain\ntwo\t",
        "GIT_PROXY_PORT": "65480",
        "GIT_PROXY_HEALTH_PORT": "65481",
        "RENKU_SESSION_REMOTE_PORT": "8888",
    }
    assert environment.left_out(env) == ["A B", "GROUPS", "OPTIND", "UID", "WITH.DOT", "_"]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://renku.example.org", ("renku.example.org", "443", "https")),
        ("https://renku.example.org:8443/x", ("renku.example.org", "8443", "https")),
        ("http://lab:8080", ("lab", "8080", "http")),
        ("https://[::1]:444", ("[::1]", "444", "https")),
    ],
)
def test_the_tunnels_entry_is_where_the_session_is(url: str, address: tuple[str, str, str]) -> None:
    found = environment.variables({"RENKU_BASE_URL": url, "RENKU_BASE_URL_PATH": "/sessions/mine/"}, [])
    assert tuple(found[f"WSTUNNEL_SERVICE_{name}"] for name in ("ADDRESS", "PORT", "SCHEME")) == address
    assert found["WSTUNNEL_PATH_PREFIX"] == "/sessions/mine/__amalthea__/tunnel"


@pytest.mark.parametrize("url", ["renku.example.org", "ftp://x", "https://", "https://h:port"])
def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(Refused, match="RENKU_BASE_URL"):
        environment.variables({"RENKU_BASE_URL": url}, [])


def test_the_secrets_are_hidden_from_the_container_although_the_disk_is_mounted() -> None:
    disks = (disk("/scratch"), disk("/users", "users"), disk("/store", "store"), disk("/old", "archive"))
    told = tomllib.loads(script.container('a"b\\ü', script.mounts("/scratch/s", disks), "/scratch/s/work").decode())
    assert told["image"] == 'a"b\\ü'
    assert told["workdir"] == "/scratch/s/work"
    assert told["mounts"] == [
        *("/scratch:/scratch", "/store:/store", "/users:/home/users:ro"),
        "/scratch/s/empty:/scratch/s/secrets:ro",
    ]
    assert told["annotations"]["com"]["hooks"]["cxi"]["enabled"] == "false"


CONFIG = """[core]
\tbare = false
[remote "origin"]
\turl = https://oauth2:s3cret@git.example.org/a/b.git
[http "https://git.example.org"]
\textraHeader = Authorization: Basic c2VjcmV0
[branch "first"]
\tremote = origin
"""


def repository(root: Path, name: str, head: str = "ref: refs/heads/topic\n") -> Path:
    git = root / name / ".git"
    git.mkdir(parents=True)
    (git / "config").write_text(CONFIG)
    (git / "HEAD").write_text(head)
    return git


def test_repositories_are_found_with_the_branch_that_is_checked_out(tmp_path: Path) -> None:
    repository(tmp_path, "b")
    repository(tmp_path, "a", "0123456789abcdef\n")
    (tmp_path / "link").symlink_to(tmp_path / "b")
    (tmp_path / "plain").mkdir()
    repository(tmp_path, "odd name")
    found = [each.repository for each in repositories.find(str(tmp_path))]
    assert found == [Repository("a", "first"), Repository("b", "topic")]


def test_a_folder_that_may_not_be_read_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path, "a")
    (tmp_path / "lost+found").mkdir(mode=0o700)
    is_file = Path.is_file

    def refuses(path: Path) -> bool:
        if "lost+found" in path.parts:
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuses)
    assert [each.repository for each in repositories.find(str(tmp_path))] == [Repository("a", "topic")]


@pytest.mark.parametrize("folder_", ["", "/does/not/exist"])
def test_a_session_without_a_working_directory_has_no_repositories(folder_: str) -> None:
    assert repositories.find(folder_) == []


@pytest.mark.parametrize(
    "line",
    [
        "\textraHeader = Authorization: Basic c2VjcmV0",
        "\tEXTRAHEADER=Authorization: \\\n  Basic c2VjcmV0",
        '[http "https://x"] extraheader = Basic c2VjcmV0',
        "\turl = https://user:c2VjcmV0@x/y",
        "\turl = HTTPS://c2VjcmV0@x/y",
    ],
)
def test_no_secret_of_a_clone_leaves_the_pod(line: str, tmp_path: Path) -> None:
    cleaned = repositories.without_secrets(f'[core]\n\tbare = false\n{line}\n[branch "m"]\n\tremote = origin\n')
    assert b"c2VjcmV0" not in cleaned
    (tmp_path / "config").write_bytes(cleaned)
    said = subprocess.run(
        ["git", "config", "--file", "config", "branch.m.remote"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert said.stdout == "origin\n"
