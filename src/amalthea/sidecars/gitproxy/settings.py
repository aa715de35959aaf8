"""The git proxy's configuration: the variables GIT_PROXY_* of its container, read once, then frozen.

The web back end writes them, so their names are fixed. A value that cannot be used stops the proxy before it starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from amalthea.sidecars import clear_text, token_expiry
from amalthea.sidecars.clear_text import ClearText
from amalthea.sidecars.gitproxy.rules import matching
from amalthea.sidecars.http import origins

_PREFIX = "GIT_PROXY_"
_TOKEN_PATH = "/api/data/internal/authentication/token"  # noqa: S105  (a path)


class SettingsError(ValueError):
    """A variable that cannot be used. The message names it and the remedy, and holds no value that may be secret."""


class _Repository(msgspec.Struct):
    url: str
    provider: str | None = None


class _Provider(msgspec.Struct):
    id: str
    access_token_url: str


@dataclass(frozen=True)
class RenkuTokens:
    """The session's tokens for Renku. Both change with each renewal."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    url: str
    """The address at which they are renewed."""


@dataclass(frozen=True)
class Settings:
    """The proxy's settings from outside."""

    port: int = 65480
    """The port where git finds it, on this machine's own addresses only (PORT)."""
    health_port: int = 65481
    """The port where the kubelet asks for its health (HEALTH_PORT)."""
    repositories: tuple[matching.Repository, ...] = ()
    """The repositories for which there are tokens (REPOSITORIES): none in an anonymous session. CASELESS_HOSTS names
    further hosts for which large and small letters in paths are the same."""
    providers: Mapping[str, str] = field(default_factory=dict)
    """The URL of each provider's token, by the provider's id (PROVIDERS)."""
    renku: RenkuTokens | None = None
    """RENKU_ACCESS_TOKEN, RENKU_REFRESH_TOKEN and RENKU_TOKEN_URL; None where no repository needs them."""
    check_period: float = 60.0
    """Seconds between two looks at how long the tokens are still good for (REFRESH_CHECK_PERIOD_SECONDS)."""
    clear_text: ClearText = field(default_factory=ClearText)
    """Hosts that may get tokens without TLS (ALLOW_HTTP_HOSTS)."""


def from_environment(env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a variable is missing or cannot be understood.
    """
    port, health_port = _number(env, "PORT", 65480, 65535), _number(env, "HEALTH_PORT", 65481, 65535)
    if port == health_port:
        raise SettingsError(f"{_PREFIX}PORT and {_PREFIX}HEALTH_PORT are the same; give each its own.")
    check_period = float(_number(env, "REFRESH_CHECK_PERIOD_SECONDS", 60, 86400))
    providers = {each.id: _url(each.access_token_url, "PROVIDERS") for each in _list(env, "PROVIDERS", _Provider)}
    listed = _list(env, "REPOSITORIES", _Repository)
    if _flag(env, "ANONYMOUS_SESSION"):
        return Settings(port, health_port, check_period=check_period)
    caseless = matching.CASELESS | _hosts(env, "CASELESS_HOSTS")
    read = (matching.repository(each.url, each.provider, caseless) for each in listed if each.provider in providers)
    repositories = tuple(each for each in read if each is not None)
    if not repositories:
        return Settings(port, health_port, (), providers, None, check_period)
    hosts, renku = _clear_text(env), _renku(env)
    for each in repositories:
        _require_tls(hosts, providers[each.provider], "PROVIDERS")
    _require_tls(hosts, renku.url, "RENKU_TOKEN_URL" if _text(env, "RENKU_TOKEN_URL") else "RENKU_URL")
    return Settings(port, health_port, repositories, providers, renku, check_period, hosts)


def _hosts(env: Mapping[str, str], name: str) -> frozenset[str]:
    """Return the hosts of a list with commas between them, without their ports."""
    entries = [entry for entry in (part.strip() for part in _text(env, name).split(",")) if entry]
    found = [origins.origin("https", entry) for entry in entries]
    if None in found:
        raise SettingsError(f"{_PREFIX}{name} has an entry that is not a host; write host, without a path.")
    return frozenset(each.without_www.host for each in found if each is not None)


def _clear_text(env: Mapping[str, str]) -> ClearText:
    text = _text(env, "ALLOW_HTTP_HOSTS")
    for entry in filter(None, (part.strip() for part in text.split(","))):
        if origins.origin("http", entry) is None:
            raise SettingsError(f"{_PREFIX}ALLOW_HTTP_HOSTS has an entry that is not a host; write host or host:port.")
    return clear_text.parse(text)


def _require_tls(hosts: ClearText, url: str, name: str) -> None:
    if not hosts.allows(url):
        remedy = f"write https://, or list its host in {_PREFIX}ALLOW_HTTP_HOSTS"
        raise SettingsError(f"{_PREFIX}{name} contains an http:// URL, where tokens could be intercepted; {remedy}.")


def _renku(env: Mapping[str, str]) -> RenkuTokens:
    if _text(env, "RENKU_AUTHENTICATION_VERSION") not in ("", "v2"):
        raise SettingsError(f"{_PREFIX}RENKU_AUTHENTICATION_VERSION is not supported; write v2.")
    url = _text(env, "RENKU_TOKEN_URL")
    if not url and _text(env, "RENKU_URL"):
        url = _text(env, "RENKU_URL").rstrip("/") + _TOKEN_PATH
    if not url:
        raise SettingsError(f"{_PREFIX}RENKU_TOKEN_URL is missing; write where Renku renews tokens.")
    tokens = [_text(env, name) for name in ("RENKU_ACCESS_TOKEN", "RENKU_REFRESH_TOKEN")]
    for name, token in zip(("RENKU_ACCESS_TOKEN", "RENKU_REFRESH_TOKEN"), tokens, strict=True):
        if not token:
            raise SettingsError(f"{_PREFIX}{name} is missing; write the token, or set {_PREFIX}ANONYMOUS_SESSION=true.")
        if not token_expiry.is_plain(token):
            raise SettingsError(f"{_PREFIX}{name} contains characters that a token cannot have; write only the token.")
    return RenkuTokens(tokens[0], tokens[1], _url(url, "RENKU_TOKEN_URL"))


def _text(env: Mapping[str, str], name: str) -> str:
    return env.get(_PREFIX + name, "").strip()


def _flag(env: Mapping[str, str], name: str) -> bool:
    value = _text(env, name).lower()
    if value in ("", "false", "0", "no"):
        return False
    if value in ("true", "1", "yes"):
        return True
    raise SettingsError(f"{_PREFIX}{name} is {value!r}; write true or false.")


def _number(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = _text(env, name) or str(default)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= most:
        raise SettingsError(f"{_PREFIX}{name} is {text!r}; write a whole number from 1 to {most}.")
    return int(text)


def _url(text: str, name: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if origins.origin(parts.scheme, parts.netloc) is None or not text.isascii():
        raise SettingsError(f"{_PREFIX}{name} contains something that is not a URL; write https://host/path.")
    return text


def _list(env: Mapping[str, str], name: str, kind: type[msgspec.Struct]) -> list:  # type: ignore[type-arg]
    try:
        return msgspec.json.decode(_text(env, name) or "[]", type=list[kind])  # type: ignore[valid-type]
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        example = ", ".join(f'"{key}": "…"' for key in kind.__struct_fields__)
        raise SettingsError(
            f"{_PREFIX}{name} cannot be read ({error}); write a JSON list such as [{{{example}}}]."
        ) from None
