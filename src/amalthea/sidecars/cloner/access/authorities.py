"""The CA certificates by which a repository's server is trusted: the system's, and those of its credentials.

The latter are for this one clone while it is made, and afterwards, in it, for git in the running session.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from amalthea.sidecars.cloner.errors import Misconfigured
from amalthea.sidecars.cloner.process.git import Git

_SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
_FILE = "amalthea-authorities.pem"
"""Their place in the clone, in its folder .git."""


def checked(pem: str, name: str) -> str:
    """Return certificates as they are; raise Misconfigured if they are not. `name` is that of their file."""
    import ssl  # noqa: PLC0415  (few need it, and the others start faster)

    try:
        plain = pem.encode("ascii", "replace").decode()  # comments between them may be in any language
        ssl.create_default_context(cadata=plain)
    except (ssl.SSLError, ValueError):
        raise Misconfigured(
            f"{name} has caCertificates that are not certificates; write PEM, as in a file ca.crt."
        ) from None
    return pem


def bundle(own: str, given: Mapping[str, str]) -> str:
    """Return PEM of all that are trusted: `own`, and those of the system or of the variables in `given`."""
    usual = ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        usual = Path(mounted(given) or _SYSTEM).read_text(encoding="utf-8")
    return f"{usual.rstrip()}\n{own.strip()}\n"


def mounted(given: Mapping[str, str]) -> str:
    """Return the path of the CA bundle that replaces the system's, empty if there is none."""
    return given.get("SSL_CERT_FILE") or given.get("REQUESTS_CA_BUNDLE") or ""


def keep(git: Git, folders: Sequence[Path], place: Path, own: str, scope: str) -> None:
    """Have git in the session trust them for this server: in the clone, which will be at `place`, and its submodules.

    `folders` are the clone and its submodules, the clone first.

    Raises:
        GitFailed, OSError: they cannot be written.
    """
    if not (own and scope):
        return
    (folders[0] / ".git" / _FILE).write_text(f"{own.strip()}\n", encoding="utf-8")
    for folder in folders:
        git.run("config", f"http.{scope}/.sslCAInfo", str(place / ".git" / _FILE), folder=folder)
