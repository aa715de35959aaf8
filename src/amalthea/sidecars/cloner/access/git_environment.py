"""The environment of one clone: folders that nobody else can read, and git with just what each step may know.

Steps that read a repository's files (`local`) have no credential, no network and, by Landlock, no way to the mounted
secrets. Steps that talk to servers (`network`) have the credentials, and read no file of the repository.
"""

import contextlib
import os
import pwd
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amalthea.sidecars.cloner.access import authorities, credential_server, ssh_agent
from amalthea.sidecars.cloner.access.credential_rule import Rule
from amalthea.sidecars.cloner.access.credentials import Access, Key, Login
from amalthea.sidecars.cloner.access.remote import Remote
from amalthea.sidecars.cloner.errors import Misconfigured
from amalthea.sidecars.cloner.process import safe_settings, sandbox
from amalthea.sidecars.cloner.process.files import write
from amalthea.sidecars.cloner.process.git import Git

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_OF_THE_NETWORK = ("SSL_CERT_DIR", *_PROXIES)
_SSH = (
    *("ssh", "-F", "/dev/null", "-o", "PreferredAuthentications=publickey", "-o", "BatchMode=yes"),
    *("-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"),
)
_NSS_WRAPPER = "libnss_wrapper.so"


@dataclass(frozen=True)
class Workplace:
    """Git for the steps of one clone."""

    local: Git
    """For steps that read files of the repository."""
    _secret: Path
    """A folder for sockets and keys, which `local` cannot see."""
    _network: Mapping[str, str]
    _remote: Remote
    _access: Access

    def may_login(self, address: str) -> bool:
        """Return whether the credentials may be used at an address that the repository itself names."""
        credentials = self._access.credentials
        return not isinstance(credentials, Login) or self._rule(credentials).covers(address)

    def over_the_web(self, source: Remote) -> Remote:
        """Return an address for SSH as one of the web, if the repository itself is there on the same host.

        Owners write what they use themselves; users who clone over the web have no key for SSH.
        """
        return source.over_the_web(self._remote.scope)

    def _rule(self, login: Login) -> Rule:
        return Rule(login, self._remote.address, self._access.other_paths)

    @contextlib.contextmanager
    def network(self, more: Sequence[safe_settings.Setting] = (), *, login: bool = True) -> Iterator[Git]:
        """Yield git for one step that talks to servers; the credentials can be had while the block lasts.

        `more` are further settings; without `login` a user and password are left out.

        Raises:
            GitFailed: the private key or its passphrase is wrong.
            Misconfigured: the temporary folder's path is too long.
        """
        credentials = self._access.credentials
        with contextlib.ExitStack() as stack:
            environment, settings = dict(self._network), (*safe_settings.NETWORK, *more)
            if isinstance(credentials, Login) and self._remote.scope and login:
                helper = stack.enter_context(credential_server.serve(self._rule(credentials), self._secret))
                settings = (*settings, ("credential.helper", helper))
            elif isinstance(credentials, Key):
                environment["SSH_AUTH_SOCK"] = stack.enter_context(
                    ssh_agent.holding(credentials, self._secret, environment)
                )
            yield Git({**environment, **safe_settings.variables(settings)})


@contextlib.contextmanager
def workplace(
    remote: Remote, access: Access, given: Mapping[str, str], writable: Sequence[Path] = ()
) -> Iterator[Workplace]:
    """Yield the environment of a clone of `remote`; afterwards nothing of it is left.

    `given` is the process' own environment. `local` may write to the folders `writable`.

    Raises:
        Misconfigured: there is no place for temporary files.
    """
    folder = _folder(given)
    try:
        home, secret = folder / "home", folder / "secret"
        for made in (home, secret):
            made.mkdir(mode=0o700)
        common = {
            **{name: given[name] for name in ("PATH",) if name in given},
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_LFS_FORCE_PROGRESS": "1",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }
        network = {
            **common,
            **{name: given[name] for name in _OF_THE_NETWORK if name in given},
            **_authorities(secret, access.authorities, given),
            "HOME": str(secret),
            **_ssh(secret, access.credentials),
        }
        local = {**common, "HOME": str(home), **safe_settings.variables(safe_settings.LOCAL)}
        yield Workplace(Git(local, _confinement((home, *writable))), secret, network, remote, access)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _confinement(writable: Sequence[Path]) -> sandbox.Confinement | None:
    known = sandbox.version()
    return sandbox.Confinement(tuple(writable), known) if known else None


def _folder(given: Mapping[str, str]) -> Path:
    for place in (given.get("TMPDIR") or "/tmp", "/dev/shm"):  # noqa: S108  (mkdtemp makes a folder of its own there)
        try:
            return Path(tempfile.mkdtemp(prefix="cloner-", dir=place))
        except OSError:
            continue
    raise Misconfigured("TMPDIR is not a writable folder; mount an emptyDir at /tmp.")


def _authorities(folder: Path, own: str, given: Mapping[str, str]) -> dict[str, str]:
    file = authorities.mounted(given)
    if own:
        file = str(write(folder / "authorities.pem", authorities.bundle(own, given)))
    return {"SSL_CERT_FILE": file, "GIT_SSL_CAINFO": file} if file else {}


def _ssh(folder: Path, credentials: object) -> dict[str, str]:
    hosts = credentials.known_hosts.strip() if isinstance(credentials, Key) else ""
    known = write(folder / "known_hosts", f"{hosts}\n")
    options = {"UserKnownHostsFile": str(known), "StrictHostKeyChecking": "yes" if hosts else "accept-new"}
    wrapping = _user_for_ssh(folder)
    command = [*_SSH, *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    return {**wrapping, "GIT_SSH_COMMAND": shlex.join(command)}


def _user_for_ssh(folder: Path) -> dict[str, str]:
    """Return the settings that give ssh's user a name where it has none: without one, ssh refuses to start."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        users = write(folder / "passwd", f"session:x:{os.getuid()}:{os.getgid()}::{folder}:/bin/sh\n")
        groups = write(folder / "group", f"session:x:{os.getgid()}:\n")
        return {"LD_PRELOAD": _NSS_WRAPPER, "NSS_WRAPPER_PASSWD": str(users), "NSS_WRAPPER_GROUP": str(groups)}
    return {}
