"""Large files (Git LFS): fetched in a network step, put in their places in a local one.

git-lfs offers the password of the repository's remote to whatever address `.lfsconfig` names on the same host. So the
address is settled here: the repository's own gets the password, any other is asked without one.
"""

from pathlib import Path
from urllib.parse import urlsplit

from amalthea.sidecars.cloner import remote
from amalthea.sidecars.cloner.errors import CloneFailed, Misconfigured
from amalthea.sidecars.cloner.git import Git
from amalthea.sidecars.cloner.private import Workplace

_ADDRESSES = r"^(lfs\.url|remote\..*\.lfsurl)$"


def look_after(work: Workplace, folder: Path, *, fetch: bool) -> None:
    """Have Git LFS look after a repository that uses it, and fetch its files if they are wanted now.

    Raises:
        CloneFailed: `.lfsconfig` names no address that can be used.
        GitFailed: git or git-lfs failed.
    """
    git = work.local
    if not git.run("ls-files", "--", ":(attr:filter=lfs)", folder=folder):
        return
    hooks = git.run("rev-parse", "--absolute-git-dir", folder=folder) + "/hooks"
    install = ("lfs", "install", "--local", *(() if fetch else ("--skip-smudge",)))
    git.run("-c", f"core.hooksPath={hooks}", *install, folder=folder)  # for git in the session
    if not fetch:
        return
    origin = git.asks("config", "--get", "remote.origin.url", folder=folder) or ""
    named = _named(git, folder)
    for address in named:
        _check(address)
    trusted = all(work.may_login(address) for address in named)
    # By SSH, git-lfs asks its own way for the address.
    is_web = urlsplit(origin).scheme in ("http", "https")
    settings = (("lfs.url", named[0] if named else usual(origin)),) if trusted and is_web else ()
    with work.network(settings, login=trusted) as network:
        network.show("lfs", "fetch", folder=folder)
    git.run("lfs", "checkout", folder=folder)


def _named(git: Git, folder: Path) -> list[str]:
    """Return the addresses that the repository's `.lfsconfig` names, `lfs.url` first, as git-lfs goes by them."""
    place = ("--file", ".lfsconfig") if (folder / ".lfsconfig").exists() else ("--blob", "HEAD:.lfsconfig")
    listed = git.asks("config", "-z", *place, "--get-regexp", _ADDRESSES, folder=folder) or ""
    entries = [entry.partition("\n") for entry in listed.split("\0") if entry]
    return [value for key, _, value in sorted(entries, key=lambda entry: entry[0] != "lfs.url")]


def _check(address: str) -> None:
    """Raise CloneFailed unless the address is one of the web or of SSH: of a folder, git-lfs would be the server."""
    try:
        remote.parse(f"{address.rstrip('/')}/lfs", ".lfsconfig")
    except Misconfigured:
        raise CloneFailed(
            "Fetching the large files failed: .lfsconfig names no address that can be fetched from; ask its owner"
            " to correct it."
        ) from None


def usual(origin: str) -> str:
    """Return where a repository's large files are if nothing else is said (git-lfs, docs/api/server-discovery.md)."""
    address = origin.rstrip("/")
    return f"{address}/info/lfs" if address.endswith(".git") else f"{address}.git/info/lfs"
