"""A wrong setting must stop the proxy with the variable's name and a remedy, and without any secret."""

import json

import pytest

from amalthea.sidecars.gitproxy.settings import RenkuTokens, Settings, SettingsError, from_environment

SECRET = "do-not-show-me"
GIVEN = {
    "REPOSITORIES": json.dumps([{"url": "https://h/lab/data", "provider": "forge", "branch": "x", "commit_sha": None}]),
    "PROVIDERS": json.dumps([{"id": "forge", "access_token_url": "https://renku/token"}]),
    "RENKU_ACCESS_TOKEN": SECRET,
    "RENKU_REFRESH_TOKEN": SECRET,
    "RENKU_TOKEN_URL": "https://renku/renew",
    "RENKU_AUTHENTICATION_VERSION": "v2",
    "ANONYMOUS_SESSION": "false",
}


def read(**changed: str) -> Settings:
    return from_environment({f"GIT_PROXY_{name}": value for name, value in {**GIVEN, **changed}.items()})


def test_what_the_web_back_end_gives_is_read() -> None:
    settings = read(PORT="1000", HEALTH_PORT="1001", REFRESH_CHECK_PERIOD_SECONDS="5")
    assert (settings.port, settings.health_port, settings.check_period) == (1000, 1001, 5.0)
    assert [known.provider for known in settings.repositories] == ["forge"]
    assert settings.renku == RenkuTokens(SECRET, SECRET, "https://renku/renew")
    assert SECRET not in repr(settings)


def test_without_any_variable_it_serves_on_the_known_ports_and_knows_no_repository() -> None:
    assert from_environment({}) == Settings(65480, 65481, (), {}, None, 60.0)


def test_the_place_of_renewal_follows_from_renkus_own() -> None:
    settings = read(RENKU_TOKEN_URL="", RENKU_URL="https://renku.example.org/")
    assert settings.renku is not None
    assert settings.renku.url == "https://renku.example.org/api/data/internal/authentication/token"


def test_tokens_may_be_had_without_tls_from_listed_hosts_only() -> None:
    http = '[{"id": "forge", "access_token_url": "http://renku:8080/token"}]'
    settings = read(PROVIDERS=http, RENKU_TOKEN_URL="", RENKU_URL="http://dev", ALLOW_HTTP_HOSTS="renku:8080, dev")
    assert settings.clear_text.allows("http://renku:8080/token")
    with pytest.raises(SettingsError, match=r"GIT_PROXY_RENKU_URL contains an http:// URL.*GIT_PROXY_ALLOW_HTTP_HOSTS"):
        read(RENKU_TOKEN_URL="", RENKU_URL="http://dev", ALLOW_HTTP_HOSTS="renku:8080")


@pytest.mark.parametrize(
    "changed",
    [
        {"ANONYMOUS_SESSION": "true"},
        {"REPOSITORIES": "[]"},
        {"REPOSITORIES": '[{"url": "https://h/x"}]'},
        {"REPOSITORIES": '[{"url": "https://h/x", "provider": null}]'},
        {"REPOSITORIES": '[{"url": "https://h/x", "provider": "unknown"}]'},
        {"REPOSITORIES": '[{"url": "git@h:x", "provider": "forge"}]'},
        {"PROVIDERS": ""},
    ],
)
def test_where_no_repository_needs_a_token_none_is_asked_for(changed: dict[str, str]) -> None:
    settings = read(**{**changed, "RENKU_ACCESS_TOKEN": "", "RENKU_REFRESH_TOKEN": ""})
    assert (settings.repositories, settings.renku) == ((), None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "65481"),
        ("PORT", "²"),
        ("HEALTH_PORT", "x"),
        ("ANONYMOUS_SESSION", "perhaps"),
        ("REPOSITORIES", "{"),
        ("REPOSITORIES", '[{"provider": "forge"}]'),
        ("REPOSITORIES", '[{"x": ' + "[" * 100_000),
        ("REPOSITORIES", '[{"url": "\udc80"}]'),
        ("PROVIDERS", '[{"id": "forge"}]'),
        ("PROVIDERS", '[{"id": "forge", "access_token_url": "renku/token"}]'),
        ("RENKU_ACCESS_TOKEN", ""),
        ("RENKU_REFRESH_TOKEN", ""),
        ("RENKU_REFRESH_TOKEN", f"{SECRET}\r\nX: y"),
        ("RENKU_TOKEN_URL", ""),
        ("RENKU_TOKEN_URL", f"renku?{SECRET}"),
        ("RENKU_TOKEN_URL", f"http://renku/{SECRET}"),
        ("PROVIDERS", '[{"id": "forge", "access_token_url": "http://localhost/token"}]'),
        ("ALLOW_HTTP_HOSTS", "http://renku"),
        ("RENKU_AUTHENTICATION_VERSION", "v1"),
        ("REFRESH_CHECK_PERIOD_SECONDS", "0"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_bad_value_is_named_with_the_remedy_and_never_shown_if_it_may_be_secret(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"GIT_PROXY_{name}.*(write|give each)") as refused:
        read(**{name: value})
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_hosts_that_take_large_and_small_letters_for_the_same_are_listed() -> None:
    listed = json.dumps([{"url": f"https://{host}/Lab/Data", "provider": "forge"} for host in ("h", "i", "github.com")])
    settings = read(REPOSITORIES=listed, CASELESS_HOSTS="www.H:8443, j")
    assert [known.caseless for known in settings.repositories] == [True, False, True]
    with pytest.raises(SettingsError, match="GIT_PROXY_CASELESS_HOSTS has an entry that is not a host"):
        read(CASELESS_HOSTS="https://h/")
