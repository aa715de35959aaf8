"""The operator's configuration: read once from the environment and the flags, then frozen.

The variables are those of the contract, so that the chart of the Go operator starts this one. `main.py` reads flags.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypeVar

import msgspec

from amalthea.api import durations, quantities

T = TypeVar("T")


class SettingsError(ValueError):
    """A setting that cannot be used. The message names the variable and the remedy; the operator stops."""


class RewriteRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule to pull images whose name begins with `source_prefix` from `target_prefix` instead."""

    source_prefix: str
    target_prefix: str


class ContainerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The administrators' settings for the containers of one kind that the operator adds to sessions."""

    resources: dict[Literal["limits", "requests"], dict[str, str | int | float]] | None = None
    """In place of what the operator would ask for."""
    security_context: dict[str, Any] | None = None
    """Members of the security context, over the operator's own."""


CONTAINERS = ("authproxy", "oauth2Proxy", "clone", "tunnel", "remoteController")
"""The kinds of containers that the operator adds."""
_RESOURCE = re.compile(
    r"cpu|memory|ephemeral-storage|hugepages-[A-Za-z0-9]+|[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[\w.-]+", re.ASCII
)
"""The names that Kubernetes takes for a container's resources; those of devices have a domain."""


@dataclass(frozen=True)
class BuildSettings:
    """The settings that the manifests of children depend on, besides the session itself."""

    sidecars_image: str = "renku/sidecars:latest"
    """Image of authproxy, cloner, tunnel and remote session controller (SIDECARS_IMAGE)."""
    oauth2_proxy_image: str = "quay.io/oauth2-proxy/oauth2-proxy:v7.15.6"
    """Image of oauth2-proxy (OAUTH2_PROXY_IMAGE)."""
    oauth2_proxy_extra_args: tuple[str, ...] = ()
    """Arguments of oauth2-proxy after all others (AMALTHEA_OAUTH2_PROXY_EXTRA_ARGS, a JSON list)."""
    rclone_storage_class: str = "csi-rclone-secret-annotation"
    """StorageClass of data sources (RCLONE_STORAGE_CLASS)."""
    none_same_site_cookie: bool = False
    """Whether sessions may be embedded in pages of other sites (USE_NONE_SAME_SITE_SESSION_COOKIE)."""
    https_ingress: bool = False
    """Whether all session URLs are https, TLS ending before the cluster (HTTPS_SESSION_INGRESS)."""
    openshift: bool = False
    """Whether the cluster is an OpenShift: asked of the API server at start."""
    native_sidecars: bool = True
    """Whether the proxies of sessions are native sidecars (AMALTHEA_NATIVE_SIDECARS, see `Settings`)."""
    clone_http_hosts: str = ""
    """Hosts whose repositories may get credentials without TLS, separated by commas (AMALTHEA_CLONE_HTTP_HOSTS)."""
    containers: Mapping[str, ContainerSettings] = field(default_factory=dict)
    """Settings of the containers that the operator adds (AMALTHEA_SESSION_CONTAINERS, JSON by `CONTAINERS`)."""
    restricted_pods: bool = False
    """Whether new pods meet the Pod Security Standard `restricted` (AMALTHEA_SESSION_POD_SECURITY=restricted)."""
    rewrite_rules: tuple[RewriteRule, ...] = ()
    """Mirrors of registries (AMALTHEA_IMAGE_REWRITE_RULES, a JSON list)."""


@dataclass(frozen=True)
class Settings:
    """The operator's settings from outside, except those that `kube/auth/config.py` reads."""

    namespace: str | None = "default"
    """The namespace that is served (RELEASE_NAMESPACE); None serves all (CLUSTER_SCOPED=true)."""
    lease_namespace: str = "default"
    """The namespace of the leader election Lease (RELEASE_NAMESPACE)."""
    identity: str = ""
    """The holder of the Lease (POD_NAME, else the host's name): a restarted container takes its own back at once."""
    workers: int = 16
    """Sessions that are worked on at once, not counting those that take longer than a second (AMALTHEA_WORKERS)."""
    usage_interval: timedelta = timedelta(seconds=30)
    """Between two questions for what sessions use (AMALTHEA_USAGE_INTERVAL, such as 30s)."""
    stopping_lead: timedelta = timedelta(minutes=10)
    """The longest time between announcement and pause or deletion (AMALTHEA_STOPPING_LEAD, such as 10m)."""
    ask_doors: bool = True
    """Whether the proxies of sessions are asked if somebody works, before a pause for idleness, and remote sessions how
    their jobs are (AMALTHEA_ASK_DOORS).

    False where the operator cannot reach pods: else sessions with a proxy would never be paused for being idle."""
    account: tuple[str, str] | None = None
    """Namespace and name of the service account that the operator runs as: from its token, None if that is of none."""
    native_sidecars: bool | None = None
    """Whether the proxies of sessions are native sidecars (AMALTHEA_NATIVE_SIDECARS).

    None: where the API server is of 1.29 or later. False while some nodes are older than that."""
    build: BuildSettings = field(default_factory=BuildSettings)


def from_environment(env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a variable cannot be understood.
    """
    release_namespace = env.get("RELEASE_NAMESPACE") or "default"
    defaults = BuildSettings()
    return Settings(
        namespace=None if _flag(env, "CLUSTER_SCOPED") else release_namespace,
        lease_namespace=release_namespace,
        identity=env.get("POD_NAME") or env.get("HOSTNAME") or "amalthea",
        workers=_positive(env, "AMALTHEA_WORKERS", Settings.workers),
        usage_interval=_duration(env, "AMALTHEA_USAGE_INTERVAL", Settings.usage_interval, least=1),
        stopping_lead=_duration(env, "AMALTHEA_STOPPING_LEAD", Settings.stopping_lead, least=0),
        ask_doors=_flag(env, "AMALTHEA_ASK_DOORS", default=Settings.ask_doors),
        native_sidecars=_flag(env, "AMALTHEA_NATIVE_SIDECARS") if env.get("AMALTHEA_NATIVE_SIDECARS") else None,
        build=BuildSettings(
            sidecars_image=env.get("SIDECARS_IMAGE") or defaults.sidecars_image,
            oauth2_proxy_image=env.get("OAUTH2_PROXY_IMAGE") or defaults.oauth2_proxy_image,
            oauth2_proxy_extra_args=_arguments(env),
            rclone_storage_class=env.get("RCLONE_STORAGE_CLASS") or defaults.rclone_storage_class,
            none_same_site_cookie=_flag(env, "USE_NONE_SAME_SITE_SESSION_COOKIE"),
            https_ingress=_flag(env, "HTTPS_SESSION_INGRESS"),
            clone_http_hosts=env.get("AMALTHEA_CLONE_HTTP_HOSTS", ""),
            containers=_containers(env),
            restricted_pods=_is_restricted(env.get("AMALTHEA_SESSION_POD_SECURITY", "")),
            rewrite_rules=_rules(env),
        ),
    )


def _flag(env: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    value = env.get(name, "").strip().lower()
    if not value:
        return default
    if value in ("false", "0", "no"):
        return False
    if value in ("true", "1", "yes"):
        return True
    raise SettingsError(f"{name} is {env[name]!r}; write true or false.")


def _positive(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name} is {text!r}; write a whole number of at least 1.")
    return int(text)


def _duration(env: Mapping[str, str], name: str, default: timedelta, *, least: float) -> timedelta:
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        duration = durations.parse(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from error
    if duration < timedelta(seconds=least):
        raise SettingsError(f"{name} is {text!r}; write at least {least:g}s.")
    return duration


def _containers(env: Mapping[str, str]) -> dict[str, ContainerSettings]:
    name = "AMALTHEA_SESSION_CONTAINERS"
    example = '{"authproxy": {"resources": {"limits": {"cpu": "100m", "memory": "64Mi"}}}}'
    read = _json(env, name, dict[str, ContainerSettings], example) or {}
    for unknown in read.keys() - set(CONTAINERS):
        raise SettingsError(f"{name} names {unknown!r}; write one of {', '.join(CONTAINERS)}.")
    for kind, settings in read.items():
        if (problem := _problem(settings.resources or {})) is not None:
            raise SettingsError(f"{name}: {kind}.resources.{problem}")
    return read


def _problem(resources: Mapping[Any, Mapping[str, str | int | float]]) -> str | None:
    """Return the first thing that the API server would refuse in every session's pod, or None."""
    sizes = {}
    for part, amounts in resources.items():
        for resource, amount in amounts.items():
            if not _RESOURCE.fullmatch(resource):
                return f"{part}.{resource}: is not a resource; write cpu, memory or ephemeral-storage."
            try:
                sizes[part, resource] = size = quantities.parse(amount)
            except ValueError as error:
                return f"{part}.{resource}: {error}"
            if size < 0:
                return f"{part}.{resource}: {amount!r} is negative; write 0 or more."
    requests = resources.get("requests", {})
    for resource in resources.get("limits", {}).keys() & requests.keys():
        if sizes["requests", resource] > sizes["limits", resource]:
            return f"requests.{resource}: {requests[resource]!r} is above the limit; write at most the limit."
    return None


def _arguments(env: Mapping[str, str]) -> tuple[str, ...]:
    example = '["--skip-auth-preflight=true"]'
    return _json(env, "AMALTHEA_OAUTH2_PROXY_EXTRA_ARGS", tuple[str, ...], example) or ()


def _rules(env: Mapping[str, str]) -> tuple[RewriteRule, ...]:
    example = '[{"source_prefix": "docker.io/", "target_prefix": "mirror.example.org/hub/"}]'
    return _json(env, "AMALTHEA_IMAGE_REWRITE_RULES", tuple[RewriteRule, ...], example) or ()


def _json(env: Mapping[str, str], name: str, into: type[T], example: str) -> T | None:
    text = env.get(name, "").strip()
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=into)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{name} cannot be read ({error}); write JSON such as {example}.") from error


def _is_restricted(text: str) -> bool:
    if text not in ("", "restricted"):
        raise SettingsError(f"AMALTHEA_SESSION_POD_SECURITY is {text!r}; write restricted, or leave it empty.")
    return text == "restricted"
