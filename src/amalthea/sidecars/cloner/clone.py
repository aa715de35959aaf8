"""`cloner clone`: one repository of a session's spec, cloned before the session starts, once.

At a resume the clone is there: only the git configuration for the session is brought up to date.
"""

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from amalthea.sidecars import clear_text
from amalthea.sidecars.cloner import doors, exit_code
from amalthea.sidecars.cloner.access import authorities, credentials, remote
from amalthea.sidecars.cloner.access.credentials import Access, Key, Login
from amalthea.sidecars.cloner.access.git_environment import workplace
from amalthea.sidecars.cloner.contents import cloning, session_config
from amalthea.sidecars.cloner.contents.checkout import Revision
from amalthea.sidecars.cloner.errors import CloneFailed, Misconfigured
from amalthea.sidecars.cloner.process import hardening
from amalthea.sidecars.cloner.process.git import Git, say

HTTP_HOSTS = "GIT_CLONE_ALLOW_HTTP_HOSTS"
"""Variable with the hosts that may get a password without TLS, separated by commas."""


def main(arguments: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    return exit_code.run(lambda: _clone(_flags(arguments), os.environ), then=lambda: doors.wait(os.environ))


def _flags(arguments: Sequence[str]) -> Namespace:
    flags = exit_code.Flags(prog="cloner clone", description="Clone a repository unless its folder exists.")
    flags.add_argument("--strategy", choices=["notifexist"], default="notifexist", help="leave existing files alone")
    flags.add_argument("--remote", required=True, help="address of the repository")
    flags.add_argument("--path", required=True, type=Path, help="folder in which the clone's own folder is made")
    flags.add_argument("--config", type=Path, help="YAML file with username and password, or privateKey")
    flags.add_argument("--revision", default="", help="branch, tag or commit; the default branch if not given")
    given = flags.parse_args(arguments)
    hardening.wipe_argument(given.remote.partition("://")[2].rpartition("@")[0])
    if given.revision.startswith("-"):
        raise Misconfigured(
            "The repository's revision begins with a hyphen, which no branch, tag or commit can; correct it."
        )
    return given


def _clone(flags: Namespace, variables: Mapping[str, str]) -> Sequence[str]:
    """Clone; return what is missing."""
    source = remote.parse(flags.remote, "The repository's remote")
    folder = flags.path / source.folder
    with workplace(source, Access(), variables, (flags.path,)) as work:
        block = session_config.read(variables.get(session_config.VARIABLE, ""), work.local)
        if cloning.is_taken(folder):
            say(f"{folder} already exists and is left as it is.")
            _refresh(work.local, folder, source, block)
            return ()
    access = _access(flags.config, source)

    def finish(git: Git, folders: Sequence[Path]) -> None:
        authorities.keep(git, folders, folder, access.authorities, source.scope)
        session_config.put(folders[0], block)

    left_out = cloning.make(cloning.Order(source, folder, Revision(flags.revision), access), finish)
    say(f"{source.address} was cloned into {folder}.")
    return left_out


def _refresh(git: Git, folder: Path, source: remote.Remote, block: str) -> None:
    """Bring the configuration of this repository's clone up to date: it may hold secrets, which are for no other."""
    config = folder / ".git" / "config"
    try:
        if not config.is_file():
            return
        if git.asks("config", "--file", str(config), "--get", "remote.origin.url") == source.address:
            session_config.put(folder, block)
        else:
            say(f"{folder} is not a clone of {source.address}: no git configuration is written into it.")
    except (OSError, UnicodeDecodeError):
        raise CloneFailed(
            f"The git configuration in {folder} cannot be written; check its owner and permissions."
        ) from None


def _access(path: Path | None, source: remote.Remote) -> Access:
    """Return the access to the repository: from the file, else from its address.

    Raises:
        Misconfigured: the file cannot be read, or is for the other kind of address.
    """
    if path is None:
        return _not_in_clear(source, Access(source.login))
    name = f"Cloning {source.address} failed: the key {path.name} of its credentials' secret"
    try:
        found = credentials.read(path.read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"{name} cannot be read; check cloningConfigSecretRef and the secret.") from None
    if source.is_ssh and isinstance(found.credentials, Login):
        raise Misconfigured(
            f"{name} contains a username and a password, but its address is for SSH; write a privateKey."
        )
    if source.scope and isinstance(found.credentials, Key):
        raise Misconfigured(
            f"{name} contains a private key, but its address is not for SSH; write username and password."
        )
    return _not_in_clear(source, found if found.credentials else replace(found, credentials=source.login))


def _not_in_clear(source: remote.Remote, access: Access) -> Access:
    """Return `access`; raise Misconfigured where a password would be sent without TLS to a host that may not get it."""
    if isinstance(access.credentials, Login) and not clear_text.parse(os.environ.get(HTTP_HOSTS, "")).allows(
        source.address
    ):
        raise Misconfigured(
            f"Cloning {source.address} failed: its password would be sent unencrypted; write https:// in the remote, or"
            f" have your administrators list its host (cloner.allowHttpHosts of the chart, {HTTP_HOSTS} here)."
        )
    return access
