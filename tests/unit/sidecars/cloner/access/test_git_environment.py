"""Git is handed what a step needs, and nothing else of what this process knows."""

import stat
from pathlib import Path

import pytest

from amalthea.sidecars.cloner.access.credentials import Access, Credentials, Key, Login
from amalthea.sidecars.cloner.access.git_environment import workplace
from amalthea.sidecars.cloner.access.remote import parse

WEB = parse("https://h.org/a", "--remote")
SSH = parse("git@h.org:a", "--remote")


@pytest.mark.parametrize("credentials", [None, Login("me", "hush"), Key("hush", "hush")])
def test_no_secret_is_in_the_environment_and_every_file_is_ours_alone(credentials: Credentials, tmp_path: Path) -> None:
    given = {"TMPDIR": str(tmp_path), "PATH": "/bin", "GIT_CLONE_USER__RENKU_TOKEN": "hush", "https_proxy": "http://p"}

    with workplace(SSH if isinstance(credentials, Key) else WEB, Access(credentials), given) as work:
        (folder,) = tmp_path.iterdir()
        variables = work.local.environment
        assert not [name for name, value in variables.items() if "hush" in value]
        assert (variables["PATH"], variables.get("https_proxy")) == ("/bin", None)
        assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (folder, *folder.rglob("*"))} == {0}
        assert not [path for path in folder.rglob("*") if path.is_file() and "hush" in path.read_text()]

    assert list(tmp_path.iterdir()) == []


def test_a_network_step_has_the_password_behind_a_socket_that_goes_with_it(tmp_path: Path) -> None:
    given = {"TMPDIR": str(tmp_path), "https_proxy": "http://p"}

    with workplace(WEB, Access(Login("me", "hush")), given) as work:
        before = set(tmp_path.rglob("*"))
        with work.network() as git:
            assert not [name for name, value in git.environment.items() if "hush" in value]
            assert git.environment["https_proxy"] == "http://p"
            (place,) = set(tmp_path.rglob("*")) - before
            assert stat.S_ISSOCK(place.stat().st_mode)
        assert set(tmp_path.rglob("*")) == before


def test_mounted_authorities_are_for_git_too(tmp_path: Path) -> None:
    given = {"TMPDIR": str(tmp_path), "REQUESTS_CA_BUNDLE": "/ca.crt"}
    with workplace(WEB, Access(), given) as work, work.network() as git:
        assert git.environment["GIT_SSL_CAINFO"] == git.environment["SSL_CERT_FILE"] == "/ca.crt"


def test_authorities_of_the_credentials_are_believed_besides_those_that_are_mounted(tmp_path: Path) -> None:
    mounted = tmp_path / "ca.crt"
    mounted.write_text("of the system\n")
    given = {"TMPDIR": str(tmp_path), "SSL_CERT_FILE": str(mounted)}

    with workplace(WEB, Access(None, "own"), given) as work, work.network() as git:
        assert git.environment["GIT_SSL_CAINFO"] == git.environment["SSL_CERT_FILE"]
        assert Path(git.environment["SSL_CERT_FILE"]).read_text() == "of the system\nown\n"


def test_where_tmp_cannot_be_written_memory_is_used(tmp_path: Path) -> None:
    with workplace(WEB, Access(), {"TMPDIR": str(tmp_path / "none")}) as work:
        assert work.local.environment["HOME"].startswith("/dev/shm/")
