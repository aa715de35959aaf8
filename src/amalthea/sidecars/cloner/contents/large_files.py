"""Large files (Git LFS): fetched in a network step, put in their places in a local one.

git-lfs offers the password of the repository's remote to whatever address `.lfsconfig` names on the same host. So the
address is settled here: the repository's own gets the password, any other is asked without one.
"""

from pathlib import Path
from urllib.parse import urlsplit

from amalthea.sidecars.cloner.access import remote
from amalthea.sidecars.cloner.access.git_environment import Workplace
from amalthea.sidecars.cloner.contents.attempts import Attempts
from amalthea.sidecars.cloner.errors import CloneFailed, Misconfigured
from amalthea.sidecars.cloner.process.git import Git

_NAMED = 5
"""Files that are named at most."""
_ADDRESSES = r"^(lfs\.url|remote\..*\.lfsurl)$"


def look_after(work: Workplace, folder: Path, attempts: Attempts, *, fetch: bool) -> None:
    """Set up Git LFS for a repository that uses it, and fetch its files if they are wanted now.

    Files that cannot be fetched stay pointers, which is reported.
    """
    origin = work.local.asks("config", "--get", "remote.origin.url", folder=folder) or ""
    doing = f"Fetching the large files of {origin}"
    if attempts.part(doing, lambda: _set_up(work.local, folder, fetch=fetch)) and fetch:
        fetched = attempts.part(doing, lambda: _fetch(work, folder, origin))
        attempts.part(doing, lambda: work.local.run("lfs", "checkout", folder=folder))
        if not fetched:
            _tell_pointers(work.local, folder, attempts)


def _set_up(git: Git, folder: Path, *, fetch: bool) -> bool:
    """Set up Git LFS for a repository that uses it; return whether it does."""
    if not git.run("ls-files", "--", ":(attr:filter=lfs)", folder=folder):
        return False
    hooks = git.run("rev-parse", "--absolute-git-dir", folder=folder) + "/hooks"
    install = ("lfs", "install", "--local", *(() if fetch else ("--skip-smudge",)))
    git.run("-c", f"core.hooksPath={hooks}", *install, folder=folder)  # for git in the session
    return True


def _fetch(work: Workplace, folder: Path, origin: str) -> bool:
    """Fetch the large files, as many as there are; raise CloneFailed or GitFailed if some could not be had."""
    named = _named(work.local, folder)
    for address in named:
        _check(address)
    trusted = all(work.may_login(address) for address in named)
    # By SSH, git-lfs asks its own way for the address.
    is_web = urlsplit(origin).scheme in ("http", "https")
    settings = (("lfs.url", named[0] if named else usual(origin)),) if trusted and is_web else ()
    with work.network(settings, login=trusted) as network:
        network.show("lfs", "fetch", folder=folder)
    return True


def _tell_pointers(git: Git, folder: Path, attempts: Attempts) -> None:
    """Report which files are still pointers."""
    listed = (git.asks("lfs", "ls-files", folder=folder) or "").splitlines()
    lacking = [line.partition(" - ")[2] for line in listed if " - " in line]
    names = [name for name in lacking if name.isprintable()][:_NAMED]
    if lacking:
        more = f" and {len(lacking) - len(names)} more" if len(lacking) > len(names) else ""
        attempts.leave_out(f"Pointers stand for {', '.join(names)}{more}; `git lfs pull` in the session fetches them.")


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
    """Return the default address of a repository's large files (git-lfs, docs/api/server-discovery.md)."""
    address = origin.rstrip("/")
    return f"{address}/info/lfs" if address.endswith(".git") else f"{address}.git/info/lfs"
