"""The internal secret of a session, and the random values in it: made once, kept for the session's life.

A new cookie secret would log everybody out, a new tunnel secret would cut the remote session off.
"""

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import Spec
from amalthea.children.pod import auth, oidc
from amalthea.children.shared import meta, url
from amalthea.children.shared.snippets import compact
from amalthea.children.shared.subject import Subject
from amalthea.model import spans

_TUNNEL_BYTES = 16
_COOKIE_BYTES = 32


@dataclass(frozen=True)
class Material:
    """A session's random values, as text that goes into its secret. They never show in logs: the repr hides them."""

    tunnel_secret: str = field(repr=False)
    """The secret that a tunnel client must present: base64url, not padded."""
    cookie_secret: str = field(repr=False)
    """The key with which oauth2-proxy encrypts its cookies: base64url, padded."""


def draw(random_bytes: Callable[[int], bytes]) -> Material:
    """Return new values, from a source of random bytes such as `secrets.token_bytes`."""
    return Material(
        tunnel_secret=urlsafe_b64encode(random_bytes(_TUNNEL_BYTES)).rstrip(b"=").decode(),
        cookie_secret=urlsafe_b64encode(random_bytes(_COOKIE_BYTES)).decode(),
    )


def material_from(data: Mapping[str, str] | None, fresh: Material) -> Material:
    """Return what the stored internal secret holds already, the Go operator's too, and `fresh` for what it lacks.

    `data` is the secret's own, in base64; None if there is no secret yet.
    """
    stored = data or {}
    tunnel = _decoded(stored.get(names.SECRET_KEY_WSTUNNEL))
    cookie = oidc.cookie_secret(_decoded(stored.get(names.SECRET_KEY_PROXY_CONFIG)))
    return Material(tunnel_secret=tunnel or fresh.tunnel_secret, cookie_secret=cookie or fresh.cookie_secret)


def internal_secret(subject: Subject, material: Material) -> Manifest:
    """Return the internal secret. Every session has it, also where it holds nothing."""
    data = {key: b64encode(text.encode()).decode() for key, text in _contents(subject, material).items()}
    return compact(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": meta.child(subject, names.internal_secret(subject.name)),
            "data": data,
        }
    )


def _contents(subject: Subject, material: Material) -> dict[str, str]:
    contents = {}
    authentication = auth.authentication(subject)
    if authentication is not None and authentication.type == "token":
        contents[names.SECRET_KEY_COOKIE_PATH] = url.path_prefix(subject.spec.ingress)
    if authentication is not None and authentication.type == "oidc":
        contents[names.SECRET_KEY_ALPHA_CONFIG] = oidc.alpha_config(subject)
        contents[names.SECRET_KEY_PROXY_CONFIG] = oidc.proxy_config(subject, material.cookie_secret)
    if subject.remote:
        contents[names.SECRET_KEY_WSTUNNEL] = material.tunnel_secret
        contents |= _of_the_job(subject.spec)
    return contents


def _of_the_job(spec: Spec) -> dict[str, str]:
    """Return what the spec says of a job on another machine: lists as JSON, since the pod template holds none of it."""
    session, culling = spec.session, spec.culling
    longest = spans.positive(culling.max_age) if culling is not None else None
    said = {
        names.SECRET_KEY_MAX_AGE: str(ceil(longest.total_seconds())) if longest is not None else "",
        names.SECRET_KEY_COMMAND: json.dumps(session.command) if session.command else "",
        names.SECRET_KEY_ARGS: json.dumps(session.args) if session.args else "",
        names.SECRET_KEY_WORKING_DIR: session.working_dir or "",
    }
    return {key: text for key, text in said.items() if text}


def _decoded(value: str | None) -> str:
    """Return the text of a stored value; empty if it cannot be decoded."""
    try:
        return b64decode(value or "", validate=True).decode()
    except ValueError:
        return ""
