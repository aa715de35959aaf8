"""What git must be told besides its arguments, in a folder that nobody else can read and that goes with the program.

Git finds only paths in its environment: the settings of this one clone, a helper that answers with user and password to
this one server, the key for ssh. Nothing is taken over from this process' own environment but where to find programs,
proxies and certificate authorities.
"""

import os
import pwd
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from amalthea.sidecars.cloner import authorities
from amalthea.sidecars.cloner.credentials import Access, Credentials, Key, Login
from amalthea.sidecars.cloner.errors import Misconfigured
from amalthea.sidecars.cloner.remote import Remote

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_TAKEN_OVER = ("PATH", "SSL_CERT_DIR", *_PROXIES)
_SETTINGS = """\
[advice]
\tdetachedHead = false
[core]
\taskPass = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[safe]
\tdirectory = *
[http]
\tlowSpeedLimit = 1000
\tlowSpeedTime = 60
[lfs]
\tactivityTimeout = 60
\tdialTimeout = 15
"""
"""A volume may show another owner than who writes (`safe`); a server that has gone silent is not waited for; and the
password of a key is never the answer to another server's question (`askPass` goes before ssh's program)."""
_SSH = (
    *("ssh", "-F", "/dev/null", "-o", "PreferredAuthentications=publickey", "-o", "NumberOfPasswordPrompts=1"),
    *("-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"),
)
_NSS_WRAPPER = "libnss_wrapper.so"


@contextmanager
def environment(remote: Remote, access: Access, given: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield git's environment for cloning `remote`; afterwards nothing of it is left. `given` is the process' own.

    Raises:
        Misconfigured: there is no place for temporary files.
    """
    folder = _folder(given)
    try:
        yield {
            **{name: given[name] for name in _TAKEN_OVER if name in given},
            **_authorities(folder, access.authorities, given),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": str(_file(folder / "gitconfig", _settings(folder, remote, access.credentials))),
            "GIT_LFS_FORCE_PROGRESS": "1",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_TERMINAL_PROMPT": "0",
            **_ssh(folder, access.credentials if isinstance(access.credentials, Key) else None),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _folder(given: Mapping[str, str]) -> Path:
    for place in (given.get("TMPDIR") or "/tmp", "/dev/shm"):  # noqa: S108  (mkdtemp makes a folder of its own there)
        try:
            return Path(tempfile.mkdtemp(prefix="cloner-", dir=place))
        except OSError:
            continue
    raise Misconfigured("TMPDIR names no folder that can be written; mount an emptyDir at /tmp.")


def _file(path: Path, text: str, mode: int = 0o600) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _authorities(folder: Path, own: str, given: Mapping[str, str]) -> dict[str, str]:
    file = authorities.mounted(given)
    if own:
        file = str(_file(folder / "authorities.pem", authorities.bundle(own, given)))
    return {"SSL_CERT_FILE": file, "GIT_SSL_CAINFO": file} if file else {}


def _settings(folder: Path, remote: Remote, credentials: Credentials) -> str:
    """Return the text of git's settings; user and password are in a file beside it, for this one server.

    A server that leads from http to https may have them there too.
    """
    if not isinstance(credentials, Login) or not remote.scope:
        return _SETTINGS
    answer = _file(folder / "answer", f"username={credentials.username}\npassword={credentials.password}\n")
    helper = f'!f() {{ test "$1" != get || cat {shlex.quote(str(answer))}; }}; f'
    scopes = sorted({remote.scope, remote.scope.replace("http://", "https://")})
    sections = (f"[credential {_quoted(scope)}]\n\thelper = {_quoted(helper)}\n" for scope in scopes)
    return _SETTINGS + "".join(sections)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _ssh(folder: Path, key: Key | None) -> dict[str, str]:
    known = _file(folder / "known_hosts", f"{key.known_hosts.strip()}\n" if key else "")
    strict = "yes" if key and key.known_hosts else "accept-new"
    command = [
        *_user_for_ssh(folder),
        *_SSH,
        "-o",
        f"UserKnownHostsFile={known}",
        "-o",
        f"StrictHostKeyChecking={strict}",
    ]
    if key is None:
        return {"GIT_SSH_COMMAND": shlex.join([*command, "-o", "BatchMode=yes"])}
    command += ["-o", "IdentitiesOnly=yes", "-i", str(_file(folder / "key", key.private_key))]
    passphrase = _file(folder / "passphrase", f"{key.passphrase}\n")
    program = _file(folder / "askpass", f"#!/bin/sh\nexec cat {shlex.quote(str(passphrase))}\n", 0o700)
    return {
        "GIT_SSH_COMMAND": shlex.join(command),
        "SSH_ASKPASS": str(program),
        "SSH_ASKPASS_REQUIRE": "force",
    }


def _user_for_ssh(folder: Path) -> list[str]:
    """Return what goes before ssh where its user has no name: without one, it refuses to start."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        users = _file(folder / "passwd", f"session:x:{os.getuid()}:{os.getgid()}::{folder}:/bin/sh\n")
        groups = _file(folder / "group", f"session:x:{os.getgid()}:\n")
        wrapped = (f"LD_PRELOAD={_NSS_WRAPPER}", f"NSS_WRAPPER_PASSWD={users}", f"NSS_WRAPPER_GROUP={groups}")
        return ["env", *wrapped]
    return []
