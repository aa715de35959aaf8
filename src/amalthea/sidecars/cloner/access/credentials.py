"""Credentials of a private repository: user and password for the web, a private key for SSH. No `repr` shows them.

The file that holds them may also name the CAs by which the repository's server is trusted.
"""

from dataclasses import dataclass, field

from amalthea.sidecars.cloner.access import authorities
from amalthea.sidecars.cloner.errors import Misconfigured


@dataclass(frozen=True)
class Login:
    """For http and https."""

    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True)
class Key:
    """For SSH."""

    private_key: str = field(repr=False)
    passphrase: str = field(default="", repr=False)
    known_hosts: str = ""
    """Lines of a known_hosts file. Without them the host is trusted as it shows itself."""


Credentials = Login | Key | None


@dataclass(frozen=True)
class Access:
    """The access to a repository."""

    credentials: Credentials = None
    authorities: str = ""
    """PEM of the CAs for its server besides the system's."""
    other_paths: tuple[str, ...] = ()
    """Paths on its server, besides its own, that the credentials are for: those of private submodules."""


def read(text: str, name: str) -> Access:
    """Read the YAML of a credentials file: `username` and `password`, or `privateKey` with or without `password`.

    Upper and lower case of the keys is one. `knownHosts` may go with a private key, `otherPaths` with a password,
    `caCertificates` with either, or alone.

    Raises:
        Misconfigured: it is neither. `name` is the file's, for the message; nothing of its content is in it.
    """
    values = _values(text, name)
    password, trusted = values.get("password", ""), values.get("cacertificates", "")
    own = authorities.checked(trusted, name) if trusted else ""
    if values.get("privatekey"):
        key = values["privatekey"].replace("\r\n", "\n").strip() + "\n"
        opened = Key(_one_line(key, name, key=True), _one_line(password, name), values.get("knownhosts", ""))
        return Access(opened, own)
    if own and not (values.get("username") or password):
        return Access(None, own)
    if not (values.get("username") and password):
        raise Misconfigured(
            f"{name} contains no credentials; write username and password, or privateKey, into the secret."
        )
    login = Login(_one_line(values["username"], name), _one_line(password, name))
    return Access(login, own, paths(values.get("otherpaths", "")))


def paths(text: str) -> tuple[str, ...]:
    """Return the paths in `text`, one per line, each with a slash before it."""
    return tuple(f"/{line.strip().removeprefix('/')}" for line in text.splitlines() if line.strip())


def _values(text: str, name: str) -> dict[str, str]:
    import yaml  # noqa: PLC0415  (public repositories do not need it, and start faster)

    try:
        given = yaml.BaseLoader(text).get_single_data()
        pairs = given.items() if isinstance(given, dict) else ()
        values = {str(key).lower(): value for key, value in pairs if isinstance(value, str)}
        "".join(values.values()).encode()  # an escape may stand for half a character, which no file can hold
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Misconfigured(f"{name} is not a YAML mapping; write the secret like `username: me`.")
    return values


def _one_line(value: str, name: str, *, key: bool = False) -> str:
    """Return `value`, unless it holds what git's and ssh's protocols cannot carry."""
    if "\0" in value or (not key and ("\n" in value or "\r" in value)):
        raise Misconfigured(f"{name} contains a username or password with a line break; write it on one line.")
    return value
