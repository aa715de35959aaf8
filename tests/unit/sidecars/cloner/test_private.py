"""Git is handed paths, and nothing else of what this process knows."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from amalthea.sidecars.cloner.credentials import Access, Credentials, Key, Login
from amalthea.sidecars.cloner.private import environment
from amalthea.sidecars.cloner.remote import parse

WEB = parse("https://h.org/a", "--remote")
SSH = parse("git@h.org:a", "--remote")


@pytest.mark.parametrize("credentials", [None, Login("me", "hush"), Key("hush", "hush")])
def test_no_secret_is_in_the_environment_and_every_file_is_ours_alone(credentials: Credentials, tmp_path: Path) -> None:
    given = {"TMPDIR": str(tmp_path), "PATH": "/bin", "GIT_CLONE_USER__RENKU_TOKEN": "hush", "https_proxy": "http://p"}

    with environment(SSH if isinstance(credentials, Key) else WEB, Access(credentials), given) as variables:
        (folder,) = tmp_path.iterdir()
        assert not [name for name, value in variables.items() if "hush" in value]
        assert (variables["PATH"], variables["https_proxy"]) == ("/bin", "http://p")
        assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (folder, *folder.iterdir())} == {0}
        assert "hush" not in (folder / "gitconfig").read_text()

    assert list(tmp_path.iterdir()) == []


def test_mounted_authorities_are_for_git_too(tmp_path: Path) -> None:
    with environment(WEB, Access(), {"TMPDIR": str(tmp_path), "REQUESTS_CA_BUNDLE": "/ca.crt"}) as variables:
        assert variables["GIT_SSL_CAINFO"] == variables["SSL_CERT_FILE"] == "/ca.crt"


def test_authorities_of_the_credentials_are_believed_besides_those_that_are_mounted(tmp_path: Path) -> None:
    mounted = tmp_path / "ca.crt"
    mounted.write_text("of the system\n")

    with environment(WEB, Access(None, "own"), {"TMPDIR": str(tmp_path), "SSL_CERT_FILE": str(mounted)}) as variables:
        assert variables["GIT_SSL_CAINFO"] == variables["SSL_CERT_FILE"]
        assert Path(variables["SSL_CERT_FILE"]).read_text() == "of the system\nown\n"


def test_where_tmp_cannot_be_written_memory_is_used(tmp_path: Path) -> None:
    with environment(WEB, Access(), {"TMPDIR": str(tmp_path / "none")}) as variables:
        assert variables["HOME"].startswith("/dev/shm/")


def test_the_answer_is_for_one_server_and_its_https(tmp_path: Path) -> None:
    source = parse("http://h.org/a", "--remote")

    with environment(source, Access(Login("me", "hush")), {"TMPDIR": str(tmp_path)}) as variables:
        settings = Path(variables["GIT_CONFIG_GLOBAL"]).read_text()

    assert re.findall(r'\[credential "(.*)"\]', settings) == ["http://h.org", "https://h.org"]


def test_the_password_of_a_key_is_no_answer_to_a_server_on_the_web(tmp_path: Path) -> None:
    given = {"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}

    with environment(SSH, Access(Key("key", "hush")), given) as variables:
        done = subprocess.run(
            ["git", "credential", "fill"],
            input="protocol=https\nhost=evil.org\n\n",
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode != 0
    assert "hush" not in done.stdout
