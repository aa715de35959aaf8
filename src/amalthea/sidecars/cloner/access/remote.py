"""The address of a repository, taken apart: the part for git holds no password, since git writes it into the clone."""

import contextlib
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from amalthea.sidecars.cloner.access.credentials import Login
from amalthea.sidecars.cloner.errors import Misconfigured

_WEB = {"http", "https"}
_SCHEMES = _WEB | {"ssh", "git"}
_SHORT_SSH = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!/{2})[^\s]+")
"""`git@host:path`, which is not a URL."""
_PASSWORD_OR_HELPER = re.compile(r"[^/]*:(:|[^/]*@)")
"""`user:password@host/path`, a web address without its scheme; and `helper::address`, which git would run."""
GIT_FOLDER = re.compile(r"\.git[ .]*|git~\d+[ .]*", re.IGNORECASE)
"""Names that mean git's own folder, here or on another file system (CVE-2019-1352, CVE-2014-9390)."""


@dataclass(frozen=True)
class Remote:
    """The address of a repository."""

    address: str
    """For git, for the log and for messages: without a password, for the web without a user too."""
    folder: str
    """The name of its folder: the last part of its path, without `.git`."""
    scope: str = ""
    """Scheme, host and port that its user and password are for; empty if it is not on the web."""
    is_ssh: bool = False
    login: Login | None = None
    """User and password that stood in the address."""

    def over_the_web(self, scope: str) -> "Remote":
        """Return an address for SSH as one of `scope`, if that is of the same host; else the address as it is."""
        host, path = _ssh_parts(self.address) if self.is_ssh else ("", "")
        if not scope or host.lower() != (urlsplit(scope).hostname or ""):
            return self
        return Remote(f"{scope}/{path.lstrip('/')}", self.folder, scope)


def parse(text: str, name: str) -> Remote:
    """Take apart the address `text`, which the flag or variable `name` gave.

    Raises:
        Misconfigured: git should not be given this, or it ends in no name for a folder.
    """
    text = text.strip()
    if not text.isprintable():
        raise Misconfigured(
            f"{name} contains characters that an address cannot have; write an address such as https://host/path."
        )
    if "://" not in text and _PASSWORD_OR_HELPER.match(text):
        raise Misconfigured(f"{name} is not an address that can be cloned; write https:// before it.")
    if "://" not in text and _SHORT_SSH.fullmatch(text) and not text.startswith("-"):
        return Remote(text, _folder(text, name), is_ssh=True)
    url = _split(text, name)
    host = url.netloc.rpartition("@")[2]
    if url.scheme in _WEB:
        login = _login(url, name)
        address = url._replace(netloc=host).geturl()
        return Remote(address, _folder(url.path, name), f"{url.scheme}://{host}", login=login)
    user = f"{url.username}@" if url.username else ""
    address = url._replace(netloc=user + host).geturl()
    return Remote(address, _folder(url.path, name), is_ssh=url.scheme == "ssh")


def _ssh_parts(address: str) -> tuple[str, str]:
    """Return host and path of an address for SSH, in either of its forms."""
    if "://" in address:
        url = urlsplit(address)
        return url.hostname or "", url.path
    head, _, path = address.partition(":")
    return head.rpartition("@")[2], path


def likely_folder(text: str) -> str | None:
    """Return the name of the folder for an address that may lack nothing but its scheme; None if it is not known."""
    for whole in (text,) if "://" in text else (text, f"https://{text}"):
        with contextlib.suppress(Misconfigured):
            return parse(whole, "It").folder
    return None


def _split(text: str, name: str) -> SplitResult:
    try:
        url = urlsplit(text)
        usable = url.scheme in _SCHEMES and bool(url.hostname) and " " not in text
        url.port  # noqa: B018  (an invalid port raises here)
    except ValueError:
        usable = False
    if not usable or (url.hostname or "").startswith("-"):
        raise Misconfigured(
            f"{name} is not an address that can be cloned; write one like https://host/path or git@host:path."
        )
    return url


def _login(url: SplitResult, name: str) -> Login | None:
    """Return the login in the address, unless git's protocol for it, which goes by lines, cannot carry that."""
    user, password = unquote(url.username or ""), unquote(url.password or "")
    if re.search(r"[\0\r\n]", user + password):
        raise Misconfigured(f"{name} contains a username or password with a line break; write it without.")
    return Login(user, password) if user else None


def _folder(path: str, name: str) -> str:
    folder = re.split(r"[/:]", path.rstrip("/"))[-1].removesuffix(".git")
    if folder in ("", ".", "..") or GIT_FOLDER.fullmatch(folder):
        raise Misconfigured(f"{name} does not end in the name of a repository; write its whole address.")
    return folder
