"""The URL of a session, and the paths that its Ingress and proxies take from it."""

import re
from urllib.parse import quote

from amalthea.api.types import Ingress, SessionContainer, Spec
from amalthea.settings import BuildSettings

NO_URL = "None"
"""The `status.url` of a session without Ingress: clients know the word."""

_NEVER_IN_A_URL = re.compile(r"[\s\\\x00-\x1f\x7f]")
_PATH_AND_REST = re.compile(r"(?P<path>[^?#]*)(?P<rest>.*)", re.DOTALL)


def session_url(spec: Spec, settings: BuildSettings) -> str:
    """Return the URL that the user opens, query and fragment of urlPath included; the word None without Ingress."""
    if spec.ingress is None or spec.session_type != "Interactive":
        return NO_URL
    path, rest = _split(opened_at(spec.session))
    return f"{origin(spec.ingress, settings)}{path}{rest}"


def origin(ingress: Ingress, settings: BuildSettings) -> str:
    """Return scheme and host under which the session is reached."""
    tls = ingress.tls_secret is not None or ingress.use_default_cluster_tls_cert
    https = tls or ingress.assume_https or settings.https_ingress
    return f"{'https' if https else 'http'}://{ingress.host}"


def path_prefix(ingress: Ingress | None) -> str:
    """Return the path below which requests go to the session, with a slash at its end."""
    return _with_slash(ingress.path_prefix) if ingress is not None else "/"


def url_path(session: SessionContainer) -> str:
    """Return the path part of urlPath, with a slash at its end."""
    return _split(opened_at(session))[0]


def opened_at(session: SessionContainer) -> str:
    """Return urlPath as a request can ask for it: from the root, and with escapes for what ends a request's line.

    The Go operator's sessions have it in any form, and run.
    """
    escaped = _NEVER_IN_A_URL.sub(lambda found: quote(found[0]), session.url_path)
    return escaped if escaped.startswith("/") else f"/{escaped}"


def _split(path_and_rest: str) -> tuple[str, str]:
    match = _PATH_AND_REST.fullmatch(path_and_rest)
    assert match is not None, "the pattern matches any text"
    return _with_slash(match["path"]), match["rest"]


def _with_slash(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"
