"""oauth2-proxy takes what the operator writes for it, refuses what makes no sense, and says why."""

import http
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from amalthea.testing.builders import SessionBuilder, session
from tests.sidecars.oauth2_proxy.door import Door, Visitor
from tests.support.issuer import CLIENT_SECRET, Issuer

Start = Callable[[SessionBuilder, Mapping[str, str]], Door]

OIDC = session().with_oidc()
AT_A_PREFIX = OIDC.with_ingress(assumeHttps=True)


@dataclass(frozen=True)
class Case:
    """A session, one of its pages, and what a login must be like there."""

    builder: SessionBuilder
    page: str
    redirect_uri: str
    cookie_path: str
    same_site: str = "Strict"


CASES = {
    "below a prefix, with https": Case(
        AT_A_PREFIX,
        "https://lab.example.org/sessions/demo/lab",
        "https://lab.example.org/sessions/demo/oauth2/callback",
        "/sessions/demo/",
    ),
    "on a host of its own, with http": Case(
        OIDC.with_ingress(pathPrefix="/"), "http://lab.example.org/lab", "http://lab.example.org/oauth2/callback", "/"
    ),
    "without ingress, in pages of others": Case(
        OIDC.with_settings(none_same_site_cookie=True),
        "https://any.example.org/",
        "https://any.example.org/oauth2/callback",
        "/",
        "None",
    ),
    "below a prefix that YAML would misread": Case(
        OIDC.with_ingress(pathPrefix="/@me/a,b"),
        "http://lab.example.org/@me/a,b/",
        "http://lab.example.org/@me/a,b/oauth2/callback",
        "/@me/a,b/",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_stranger_is_sent_to_the_issuer_and_back_to_the_session(
    case: Case, issuer: Issuer, provider: dict[str, str], start: Start
) -> None:
    door = start(case.builder, provider)
    door.wait_until_ready()
    visitor = Visitor(door, issuer, "ada")
    assert visitor.request(case.page).status == http.HTTPStatus.FOUND
    told = visitor.cookies["_oauth2_proxy_csrf"]
    assert (told["path"], told["samesite"]) == (case.cookie_path, case.same_site)
    assert told["secure"]
    assert told["httponly"]
    issuer.redirect_uris.add(case.redirect_uri)
    assert visitor.open(case.page).status == http.HTTPStatus.OK


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("OIDC_CLIENT_ID", "", "missing setting: client-id"),
        ("OIDC_CLIENT_SECRET", "", "missing setting: client-secret"),
        ("OIDC_ISSUER_URL", "", "missing required setting: issuer-url"),
        ("OIDC_CLIENT_SECRET", "a: b", "failed to load alpha options"),
        ("OIDC_CLIENT_SECRET", "12345678", "'providers[0].clientSecret' expected type 'string'"),
        ("ALLOW_UNVERIFIED_EMAILS", "perhaps", "failed to load alpha options"),
    ],
)
def test_it_does_not_start_with_a_value_that_it_cannot_use(
    key: str, value: str, said: str, provider: dict[str, str], start: Start
) -> None:
    assert said in start(AT_A_PREFIX, {**provider, key: value}).wait()


def test_it_does_not_start_without_its_issuer(provider: dict[str, str], start: Start) -> None:
    assert "connection refused" in start(AT_A_PREFIX, {**provider, "OIDC_ISSUER_URL": "http://127.0.0.1:1"}).wait()


DOCUMENTATION = Path(__file__).parents[3] / "docs" / "authentication.md"
OWN = 'provider = "oidc"\noidc_issuer_url = "{}"\nclient_id = "amalthea"\nclient_secret = "of no importance"\n'
REST = 'cookie_secret = "0123456789abcdef"\nemail_domains = ["*"]\n'


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (OWN + REST + "nonsense = 1", "has invalid keys: nonsense"),
        (OWN + REST + "no toml at all", "While parsing config"),
        (OWN + 'email_domains = ["*"]', "missing setting: cookie-secret"),
        (OWN + 'cookie_secret = "0123456789abcdef"', "missing setting for email validation"),
    ],
)
def test_it_refuses_a_configuration_of_the_users_that_makes_no_sense(
    file: str, said: str, issuer: Issuer, start: Start
) -> None:
    assert said in start(session().with_oauth2_proxy(), {"auth": file.format(issuer.url)}).wait()


def test_the_example_in_the_documentation_lets_people_in(issuer: Issuer, start: Start) -> None:
    found = re.search(r"^```toml\n(.*?)^```", DOCUMENTATION.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    example = found[1].replace("https://login.example.org/realms/lab", issuer.url)
    example = example.replace('client_secret = "…"', f'client_secret = "{CLIENT_SECRET}"')
    door = start(session().with_oauth2_proxy(), {"auth": example.replace('"…"', '"0123456789abcdef"')})
    door.wait_until_ready()
    issuer.redirect_uris.add("https://lab.example.org/sessions/demo/oauth2/callback")
    visitor = Visitor(door, issuer, "ada")
    assert visitor.open("https://lab.example.org/sessions/demo/lab").status == http.HTTPStatus.OK


def test_it_does_not_start_if_the_secret_lacks_the_key(start: Start) -> None:
    assert "no such file" in start(session().with_oauth2_proxy(key="auth"), {"other": ""}).wait()


def test_the_operators_address_and_upstream_win_over_the_users(issuer: Issuer, start: Start) -> None:
    other = 'upstreams = ["http://127.0.0.1:1/"]\nhttp_address = "127.0.0.1:1"\ncookie_samesite = "lax"\n'
    door = start(session().with_oauth2_proxy(), {"auth": OWN.format(issuer.url) + REST + other})
    door.wait_until_ready()
    issuer.redirect_uris.add("https://lab.example.org/oauth2/callback")
    visitor = Visitor(door, issuer, "ada")
    page = "https://lab.example.org/oauth2/start?rd=/lab"
    assert visitor.open(page).status == http.HTTPStatus.OK
    assert visitor.cookies["_oauth2_proxy"]["samesite"] == "Strict"
