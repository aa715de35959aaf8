"""The proxies that check who may open a session: authproxy, alone or behind oauth2-proxy, and their volumes."""

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import Authentication
from amalthea.build import oidc
from amalthea.build.parts import HARDENED, compact, http_get, small_resources
from amalthea.build.subject import Subject
from amalthea.build.url import url_path

_AUTHPROXY_CONFIG = "/etc/authproxy"
_OAUTH2_CONFIG = "/etc/oauth2-proxy"
_EMAILS_KEY = "AUTHORIZED_EMAILS"
_PROVIDER_KEYS = ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ISSUER_URL")
_REQUESTS = small_resources(cpu="20m", memory="16Mi")
_RESOURCES: Manifest = {**_REQUESTS, "limits": {"memory": "32Mi"}}
"""authproxy has up to 12 MiB of its own. Control groups of version 2 count what the kernel keeps for sockets, 0.4 MiB
of each transfer that stalls: there is room for fifty."""
_OAUTH2_RESOURCES: Manifest = {**_REQUESTS, "limits": {"memory": "64Mi"}}
"""oauth2-proxy 7.15.6 has 4 MiB of its own, but its program's 29 MiB count too where its node has just started.
Measured with a cold page cache: 44 MiB after a login, 49 with 32 requests at once, 61 with 100. In 16 MiB, 7.6.0 did
not get ready."""
_OAUTH2_HEAP = {"name": "GOMEMLIMIT", "value": "32MiB"}
"""What Go tries to stay below: with it, 100 requests at once fit into the limit."""
_HARDENED: Manifest = {"runAsNonRoot": True, **HARDENED}
"""What the proxies may do: they keep their configuration in memory, and write nothing."""


def authentication(subject: Subject) -> Authentication | None:
    """Return how requests are checked; None if they are not, as in every batch job."""
    auth = subject.spec.authentication
    return auth if subject.interactive and auth is not None and auth.enabled else None


def containers(subject: Subject) -> list[Manifest]:
    """Return the proxies, the one that the Service points at first."""
    auth = authentication(subject)
    if auth is None:
        return []
    if auth.type == "token":
        return [_token_authproxy(subject, auth)]
    return [_oauth2_proxy(subject, auth), _second_authproxy(subject)]


def volumes(subject: Subject) -> list[Manifest]:
    """Return the volumes of the proxies' configuration."""
    auth = authentication(subject)
    if auth is None:
        return []
    if auth.type == "oidc":
        return [
            _secret_volume(names.VOLUME_FIXED_PROXY_CONFIG, names.internal_secret(subject.name)),
            _secret_volume(names.VOLUME_AUTHORIZED_EMAILS, auth.secret_ref.name, _EMAILS_KEY),
        ]
    return [_configuration(auth.secret_ref.name, auth.secret_ref.key)]


def _configuration(secret: str, key: str | None) -> Manifest:
    """Return a volume of all that the secret holds, for whose one key the pod waits: without it no proxy can start."""
    whole: Manifest = {"name": secret, "optional": False}
    sources = [{"secret": whole}, {"secret": {**whole, "items": [{"key": key, "path": key}]}}]
    return {"name": names.VOLUME_PROXY_CONFIG, "projected": {"sources": sources, "defaultMode": 0o644}}


def _secret_volume(name: str, secret: str, *keys: str) -> Manifest:
    """Return a volume of the keys that are named, for which its pod waits; of all that are there if none is."""
    items = [{"key": key, "path": key} for key in keys]
    return {"name": name, "secret": compact({"secretName": secret, "optional": False, "items": items})}


def _token_authproxy(subject: Subject, auth: Authentication) -> Manifest:
    mounts = [{"name": names.VOLUME_PROXY_CONFIG, "mountPath": _AUTHPROXY_CONFIG}, *(auth.extra_volume_mounts or ())]
    args = ["--config", f"{_AUTHPROXY_CONFIG}/{auth.secret_ref.key}"]
    proxy = _authproxy(subject, names.PORT_ENTRY, args)
    return {**proxy, "env": [*proxy["env"], _cookie_path(subject)], "volumeMounts": mounts}


def _cookie_path(subject: Subject) -> Manifest:
    """Return what tells the proxy below which path a browser keeps the key of somebody who enters it by hand.

    Through the internal secret, so that another path of the Ingress is no other pod template: it restarts nobody.
    """
    reference = {"name": names.internal_secret(subject.name), "key": names.SECRET_KEY_COOKIE_PATH, "optional": True}
    return {"name": "AUTHPROXY_COOKIE_PATH", "valueFrom": {"secretKeyRef": reference}}


def _second_authproxy(subject: Subject) -> Manifest:
    """Return the authproxy that lets everybody in whom oauth2-proxy let in, and keeps count of the requests."""
    return _authproxy(subject, names.PORT_SECOND_PROXY, ["--verbose"])


def _authproxy(subject: Subject, port: int, args: list[str]) -> Manifest:
    probe = http_get("/__amalthea__/health", port)
    return {
        "name": names.CONTAINER_AUTHPROXY,
        "image": subject.settings.sidecars_image,
        "args": ["proxy", "serve", *args],
        "env": _authproxy_env(subject, port),
        "resources": _RESOURCES,
        "readinessProbe": probe,
        "livenessProbe": probe,
        "securityContext": {**_HARDENED, "runAsUser": 1000, "runAsGroup": 1000},
    }


def _authproxy_env(subject: Subject, port: int) -> list[Manifest]:
    session = subject.spec.session
    env = {
        "AUTHPROXY_PORT": str(port),
        "AUTHPROXY_META_PORT": str(names.PORT_META),
        "AUTHPROXY_REMOTE": f"http://127.0.0.1:{session.port}",
    }
    if session.strip_url_path:
        env["AUTHPROXY_STRIP_PATH_PREFIX"] = url_path(session)
    return [{"name": name, "value": value} for name, value in env.items()]


def _oauth2_proxy(subject: Subject, auth: Authentication) -> Manifest:
    by_provider = auth.type == "oidc"
    probe = http_get("/ping", names.PORT_ENTRY)
    return compact(
        {
            "name": names.CONTAINER_OAUTH2_PROXY,
            "image": subject.settings.oauth2_proxy_image,
            "args": [
                *(_oidc_args() if by_provider else _oauth2_args(auth)),
                f"--cookie-samesite={'none' if subject.settings.none_same_site_cookie else 'strict'}",
            ],
            "env": [*(_needed(auth.secret_ref.name) if by_provider else ()), _OAUTH2_HEAP],
            "envFrom": [{"secretRef": {"name": auth.secret_ref.name}}] if by_provider else None,
            "resources": _OAUTH2_RESOURCES,
            "readinessProbe": probe,
            "livenessProbe": probe,
            # No user: the image's own, which must be a number.
            "securityContext": _HARDENED,
            "volumeMounts": [*(_oidc_mounts() if by_provider else _oauth2_mounts()), *(auth.extra_volume_mounts or ())],
        }
    )


def _oauth2_args(auth: Authentication) -> list[str]:
    return [
        f"--upstream=http://127.0.0.1:{names.PORT_SECOND_PROXY}",
        f"--http-address=:{names.PORT_ENTRY}",
        "--silence-ping-logging",
        f"--config={_OAUTH2_CONFIG}/{auth.secret_ref.key}",
    ]


def _oauth2_mounts() -> list[Manifest]:
    return [{"name": names.VOLUME_PROXY_CONFIG, "mountPath": _OAUTH2_CONFIG}]


def _needed(secret: str) -> list[Manifest]:
    """Return the variables without which oauth2-proxy does not start: it waits until its secret has them all."""
    return [{"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}} for key in _PROVIDER_KEYS]


def _oidc_args() -> list[str]:
    return [
        "--silence-ping-logging",
        f"--alpha-config={_OAUTH2_CONFIG}/{names.SECRET_KEY_ALPHA_CONFIG}",
        f"--config={_OAUTH2_CONFIG}/{names.SECRET_KEY_PROXY_CONFIG}",
    ]


def _oidc_mounts() -> list[Manifest]:
    return [
        {"name": names.VOLUME_FIXED_PROXY_CONFIG, "mountPath": _OAUTH2_CONFIG},
        {"name": names.VOLUME_AUTHORIZED_EMAILS, "mountPath": oidc.EMAILS_FILE, "subPath": _EMAILS_KEY},
    ]
