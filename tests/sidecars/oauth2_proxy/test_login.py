"""Users whom an issuer vouches for are let in; no byte of the session reaches others."""

import http
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from amalthea.testing.builders import SessionBuilder, session
from tests.sidecars.oauth2_proxy.door import Door, Visitor, shown
from tests.support.issuer import Issuer

Start = Callable[[SessionBuilder, Mapping[str, str]], Door]

DEMO = session().with_oidc().with_ingress(assumeHttps=True)
REFUSED = (http.HTTPStatus.FORBIDDEN, http.HTTPStatus.INTERNAL_SERVER_ERROR)
PAGE = "https://lab.example.org/sessions/demo/lab?view=wide"


@pytest.fixture
def door(issuer: Issuer, provider: dict[str, str], start: Start) -> Door:
    """The door of a session that Ada may open."""
    issuer.redirect_uris.add("https://lab.example.org/sessions/demo/oauth2/callback")
    started = start(DEMO, provider)
    started.wait_until_ready()
    return started


def test_who_may_come_in_sees_the_page_that_was_asked_for(door: Door, issuer: Issuer) -> None:
    ada = Visitor(door, issuer, "ada")
    told = shown(ada.open(PAGE))
    assert told["path"] == "/sessions/demo/lab?view=wide"
    headers = told["headers"]
    assert isinstance(headers, dict)
    assert headers["Host"] == "lab.example.org"
    again = ada.request(PAGE)
    assert again.status == http.HTTPStatus.OK, "the second page asks for no login"


@pytest.mark.parametrize("name", ["mallory", "unverified"])
def test_who_is_not_on_the_list_or_has_a_mail_of_others_stays_outside(name: str, door: Door, issuer: Issuer) -> None:
    visitor = Visitor(door, issuer, name)
    answer = visitor.open(PAGE)
    assert answer.status == http.HTTPStatus.FORBIDDEN
    assert '"path"' not in answer.body
    assert "_oauth2_proxy" not in {name for name, cookie in visitor.cookies.items() if cookie.value}


def test_an_address_that_nobody_verified_is_good_where_the_secret_says_so(
    issuer: Issuer, provider: dict[str, str], start: Start
) -> None:
    issuer.redirect_uris.add("https://lab.example.org/sessions/demo/oauth2/callback")
    door = start(DEMO, {**provider, "ALLOW_UNVERIFIED_EMAILS": "true"})
    door.wait_until_ready()
    assert Visitor(door, issuer, "unverified").open(PAGE).status == http.HTTPStatus.OK


@pytest.mark.parametrize(
    "claims",
    [{"aud": "another-client"}, {"nonce": "of another login"}, {"iss": "https://other.example.org"}, {"exp": 1}],
)
def test_an_identity_that_was_made_for_something_else_opens_nothing(
    claims: dict[str, Any], door: Door, issuer: Issuer
) -> None:
    issuer.claims.update(claims)
    answer = Visitor(door, issuer, "ada").open(PAGE)
    assert answer.status in REFUSED
    assert '"path"' not in answer.body


def test_who_logs_out_has_to_log_in_again(door: Door, issuer: Issuer) -> None:
    ada = Visitor(door, issuer, "ada")
    ada.open(PAGE)
    ada.request("https://lab.example.org/sessions/demo/oauth2/sign_out")
    assert ada.request(PAGE).status == http.HTTPStatus.FOUND


def test_who_is_taken_off_the_list_is_out_at_the_next_start_though_logged_in(
    door: Door, issuer: Issuer, provider: dict[str, str], start: Start
) -> None:
    ada = Visitor(door, issuer, "ada")
    ada.open(PAGE)
    door.process.kill()
    for listed, status in (("ada@example.org", http.HTTPStatus.OK), ("charles@example.org", http.HTTPStatus.FORBIDDEN)):
        ada.door = start(DEMO, {**provider, "AUTHORIZED_EMAILS": listed})
        ada.door.wait_until_ready()
        assert ada.request(PAGE).status == status
