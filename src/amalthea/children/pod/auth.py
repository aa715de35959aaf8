"""The proxies that check who may open a session: authproxy, alone or behind oauth2-proxy, and their volumes.

They are native sidecars (KEP-753), the first init containers of the pod, so that they hold their ports before any
program of the session runs. A cluster without native sidecars has them as containers beside the session's.
"""

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import Authentication
from amalthea.children.pod import oidc
from amalthea.children.pod.env import mounts_as_written
from amalthea.children.shared.snippets import HARDENED, compact, http_get, small_resources
from amalthea.children.shared.subject import Subject
from amalthea.children.shared.url import url_path

_AUTHPROXY_CONFIG = "/etc/authproxy"
_OAUTH2_CONFIG = "/etc/oauth2-proxy"
_EMAILS_KEY = "AUTHORIZED_EMAILS"
_PROVIDER_KEYS = ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ISSUER_URL")
_REQUESTS = small_resources(cpu="20m", memory="16Mi")
_RESOURCES: Manifest = {**_REQUESTS, "limits": {"memory": "64Mi"}}
"""authproxy has some 12 MiB of its own. The rest is for strangers' connections and for what the kernel keeps for their
sockets, which control groups of version 2 count: the figures are in docs/design/authproxy.md."""
_OAUTH2_RESOURCES: Manifest = {**_REQUESTS, "limits": {"memory": "64Mi"}}
"""oauth2-proxy 7.15.6 has 4 MiB of its own, but its program's 29 MiB count too where its node has just started.
Measured with a cold page cache: 44 MiB after a login, 49 with 32 requests at once, 61 with 100. In 16 MiB, 7.6.0 did
not get ready."""
_OAUTH2_HEAP = {"name": "GOMEMLIMIT", "value": "32MiB"}
"""The memory that Go tries to stay below: with it, 100 requests at once fit into the limit."""
_OAUTH2_PATIENCE = {"name": "OAUTH2_PROXY_UPSTREAM_TIMEOUT", "value": oidc.PATIENCE}
"""A variable, not an argument: others know those. For `oidc` it stands in the file."""
_USERS = (61001, 61002)
"""UIDs of the proxies: the first that is not the session's. No distribution assigns them to anybody (systemd's
UIDS-GIDS.md), and they are below 65536, as user namespaces of pods need it."""
_STARTS_WITHIN = 60
"""Seconds after which a proxy that does not listen is restarted. oauth2-proxy asks its provider before it does."""
_STOP_WITHIN = {"name": "AUTHPROXY_STOP_WITHIN", "value": "1"}
"""Seconds after SIGTERM at which authproxy closes the connections that are left. A native sidecar gets the signal after
the session has ended, so nobody is served any more. A container gets it together with the session's, and waits."""


def authentication(subject: Subject) -> Authentication | None:
    """Return the settings by which requests are checked; None if they are not, as in every batch job."""
    auth = subject.spec.authentication
    return auth if subject.interactive and auth is not None and auth.enabled else None


def sidecars(subject: Subject) -> list[Manifest]:
    """Return the proxies as init containers that keep running: no program of the session starts before they listen.

    The kubelet learns of that by a startup probe, and needs up to two seconds. Where a cloner follows, that one waits
    for them itself (`clone.py`), while it clones: that needs the sidecars' image of this release.
    """
    if not subject.settings.native_sidecars:
        return []
    proxies = [{**proxy, "restartPolicy": "Always"} for proxy in _proxies(subject, _STOP_WITHIN)]
    if subject.spec.code_repositories:
        return [{**proxy, **_probes_of_awaited(proxy)} for proxy in proxies]
    return [{**proxy, "startupProbe": _startup_probe(proxy)} for proxy in proxies]


def awaited(subject: Subject) -> list[str]:
    """Return the addresses at which the proxies that are native sidecars answer once they listen."""
    proxies = _proxies(subject) if subject.settings.native_sidecars else []
    handlers = [proxy["readinessProbe"]["httpGet"] for proxy in proxies]
    return [f"http://127.0.0.1:{handler['port']}{handler['path']}" for handler in handlers]


def containers(subject: Subject) -> list[Manifest]:
    """Return the proxies as containers, for a cluster without native sidecars."""
    proxies = [] if subject.settings.native_sidecars else _proxies(subject)
    return [{**proxy, "startupProbe": _startup_probe(proxy)} for proxy in proxies]


def _startup_probe(proxy: Manifest) -> Manifest:
    """Return a probe that asks each second whether a proxy listens: the session waits for that."""
    return {**proxy["readinessProbe"], "periodSeconds": 1, "failureThreshold": _STARTS_WITHIN}


def _probes_of_awaited(proxy: Manifest) -> Manifest:
    """Return the probes of a proxy that has no startup probe before them: both give it the time to begin to listen."""
    return {
        "readinessProbe": {
            **proxy["readinessProbe"],
            "initialDelaySeconds": 1,
            "periodSeconds": 2,
            "failureThreshold": 15,
        },
        "livenessProbe": {**proxy["livenessProbe"], "initialDelaySeconds": _STARTS_WITHIN - 20},
    }


def _proxies(subject: Subject, *env: Manifest) -> list[Manifest]:
    """Return the proxies, first the one that the Service points at; `env` is added to authproxy's.

    Native sidecars end in the opposite order: oauth2-proxy waits for open requests, and these end with authproxy.
    """
    auth = authentication(subject)
    if auth is None:
        return []
    if auth.type == "token":
        return [_with_env(_token_authproxy(subject, auth), *env)]
    return [_oauth2_proxy(subject, auth), _with_env(_second_authproxy(subject), *env)]


def _with_env(proxy: Manifest, *env: Manifest) -> Manifest:
    return {**proxy, "env": [*proxy["env"], *env]}


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
    """Return a volume of the whole secret. The pod waits for one of its keys, without which no proxy can start."""
    whole: Manifest = {"name": secret, "optional": False}
    sources = [{"secret": whole}, {"secret": {**whole, "items": [{"key": key, "path": key}]}}]
    return {"name": names.VOLUME_PROXY_CONFIG, "projected": {"sources": sources, "defaultMode": 0o644}}


def _secret_volume(name: str, secret: str, *keys: str) -> Manifest:
    """Return a volume of the named keys, which the pod waits for, or of all existing keys if none is named."""
    items = [{"key": key, "path": key} for key in keys]
    return {"name": name, "secret": compact({"secretName": secret, "optional": False, "items": items})}


def _token_authproxy(subject: Subject, auth: Authentication) -> Manifest:
    mounts = [{"name": names.VOLUME_PROXY_CONFIG, "mountPath": _AUTHPROXY_CONFIG}]
    mounts += mounts_as_written(auth.extra_volume_mounts or ())
    args = ["--config", f"{_AUTHPROXY_CONFIG}/{auth.secret_ref.key}"]
    proxy = _authproxy(subject, names.PORT_ENTRY, args)
    return {**_with_env(proxy, _cookie_path(subject)), "volumeMounts": mounts}


def _cookie_path(subject: Subject) -> Manifest:
    """Return the variable with the path for which a browser keeps a key that a user entered by hand.

    Through the internal secret, so another path of the Ingress does not change the pod template: it restarts nobody.
    """
    reference = {"name": names.internal_secret(subject.name), "key": names.SECRET_KEY_COOKIE_PATH, "optional": True}
    return {"name": "AUTHPROXY_COOKIE_PATH", "valueFrom": {"secretKeyRef": reference}}


def _second_authproxy(subject: Subject) -> Manifest:
    """Return the authproxy that admits everybody whom oauth2-proxy admitted, and counts the requests."""
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
        "securityContext": _security(subject),
    }


def _security(subject: Subject) -> Manifest:
    """Return what the proxies may do: they keep their configuration in memory, and write nothing.

    Their UID is not the session's: a program with the same UID could listen on the same ports (SO_REUSEPORT). They read
    their secrets all the same, since the kubelet gives each container the pod's fsGroup.
    """
    user = next(uid for uid in _USERS if uid != subject.spec.session.run_as_user)
    return {"runAsNonRoot": True, **HARDENED, "runAsUser": user, "runAsGroup": user}


def _authproxy_env(subject: Subject, port: int) -> list[Manifest]:
    session = subject.spec.session
    env = {
        "AUTHPROXY_PORT": str(port),
        "AUTHPROXY_META_PORT": str(names.PORT_META),
        "AUTHPROXY_REMOTE": f"http://127.0.0.1:{session.port}",
    }
    if subject.remote:
        env["AUTHPROXY_CONTROLLER"] = f"http://127.0.0.1:{names.PORT_REMOTE_CONTROLLER}"
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
                *subject.settings.oauth2_proxy_extra_args,
            ],
            "env": [*(_needed(auth.secret_ref.name) if by_provider else (_OAUTH2_PATIENCE,)), _OAUTH2_HEAP],
            "envFrom": [{"secretRef": {"name": auth.secret_ref.name}}] if by_provider else None,
            "resources": _OAUTH2_RESOURCES,
            "readinessProbe": probe,
            "livenessProbe": probe,
            "securityContext": _security(subject),
            "volumeMounts": [
                *(_oidc_mounts() if by_provider else _oauth2_mounts()),
                *mounts_as_written(auth.extra_volume_mounts or ()),
            ],
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
