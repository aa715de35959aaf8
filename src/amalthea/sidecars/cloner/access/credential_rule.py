"""Decides which request for a password is answered: the one for the repository's own server and path, and no other.

A repository names other addresses in `.gitmodules` and `.lfsconfig`, so the host alone is not enough.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from amalthea.sidecars.ambiguity import is_ambiguous
from amalthea.sidecars.cloner.access.credentials import Login


@dataclass(frozen=True)
class Rule:
    """A login, and the addresses that it is for."""

    login: Login = field(repr=False)
    address: str
    """The repository's own address: everything below its path is allowed, such as `info/lfs`."""
    others: tuple[str, ...] = ()
    """Further paths on the same server that are trusted; `/` means all of them."""

    def answer(self, question: str) -> str:
        """Return the answer in git's credential protocol (git-credential(1)), empty where none is allowed."""
        asked = dict(line.split("=", 1) for line in question.split("\n") if "=" in line)
        if not self._allows(asked.get("protocol", ""), asked.get("host", ""), asked.get("path", "")):
            return ""
        return f"username={self.login.username}\npassword={self.login.password}\n"

    def covers(self, address: str) -> bool:
        """Return whether the login is for this address."""
        try:
            url = urlsplit(address)
        except ValueError:
            return False
        return address.isprintable() and self._allows(url.scheme, url.netloc, unquote(url.path))

    def _allows(self, scheme: str, host: str, path: str) -> bool:
        own = urlsplit(self.address)
        if host != own.netloc or scheme not in {own.scheme, "https"}:
            return False
        return any(_covers(prefix, path) for prefix in (unquote(own.path), *self.others))


def _covers(prefix: str, path: str) -> bool:
    """Return whether `path` is `prefix` or lies below it, by whole components. `x` and `x.git` are one repository."""
    wanted, given = _parts(prefix), _parts(path)
    if any(part in (".", "..") or not part.isprintable() or "\\" in part or "%" in part for part in given):
        return False
    if not wanted:
        return prefix == "/"
    above, last = wanted[:-1], wanted[-1]
    if given[: len(above)] != above or len(given) < len(wanted) or _name(given[len(above)]) != _name(last):
        return False
    return not any(map(is_ambiguous, given[len(wanted) :]))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _name(part: str) -> str:
    return part.removesuffix(".git")


def siblings(addresses: Iterable[str], address: str) -> tuple[str, ...]:
    """Return the paths of those `addresses` that are on the same server as `address`."""
    own, found = urlsplit(address), []
    for each in addresses:
        with contextlib.suppress(ValueError):  # it is not an address; the clone will say so
            url = urlsplit(each)
            if (url.scheme, url.netloc) == (own.scheme, own.netloc):
                found.append(unquote(url.path))
    return tuple(found)
