"""The internal secret: random values are made once, and survive a change of the operator, its own or to ours."""

import tomllib
from base64 import b64decode, b64encode, urlsafe_b64decode

import pytest
import yaml

from amalthea.api.schema import Manifest
from amalthea.children.pod import oidc
from amalthea.children.secret import Material, draw, internal_secret, material_from
from amalthea.testing.builders import SessionBuilder, session
from tests import recorded

FRESH = recorded.FRESH
SECRET = ("Secret", "oidc---internal")


def decoded(secret: Manifest) -> dict[str, str]:
    return {key: b64decode(value).decode() for key, value in secret["data"].items()}


def proxy_config(text: str) -> dict[str, str]:
    return {"oauth2-proxy-config.yaml": b64encode(text.encode()).decode()}


def test_a_pass_of_the_operator_logs_nobody_out() -> None:
    subject = session().with_oidc().with_ingress().subject()
    first = internal_secret(subject, draw(bytes))
    again = internal_secret(subject, material_from(first["data"], FRESH))
    assert again == first


def test_taking_a_session_over_cuts_no_tunnel() -> None:
    theirs = recorded.load("remote")
    ours = internal_secret(theirs.subject(), theirs.material())
    assert decoded(ours)["WSTUNNEL_SECRET"] == "XUxpLwvPlv7JivFPeKnhNg"


def test_taking_a_session_over_logs_nobody_out() -> None:
    theirs = recorded.load("oidc")
    assert theirs.material().cookie_secret == "NBQ24dpopQDHQ58rLeTFLa7TlvBrRdyRb3Fx-7SGlEs="
    ours, former = decoded(internal_secret(theirs.subject(), theirs.material())), decoded(theirs.children[SECRET])
    file = "oauth2-proxy-alpha-config.yaml"
    assert ours == {**former, file: former[file].replace("          uri:", "          timeout: 24h\n          uri:")}


UNREADABLE = {
    "no secret yet": None,
    "nothing in it": {},
    "emptied": {"WSTUNNEL_SECRET": "", "oauth2-proxy-config.yaml": ""},
    "no base64": {"WSTUNNEL_SECRET": "*", "oauth2-proxy-config.yaml": "*"},
    "no text": {"WSTUNNEL_SECRET": "/w==", "oauth2-proxy-config.yaml": "/w=="},
    "no TOML": proxy_config("cookie_secret = "),
    "no cookie secret": proxy_config('cookie_path = "/"'),
    "no text as cookie secret": proxy_config("cookie_secret = 1"),
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_secret_is_made_anew(data: dict[str, str] | None) -> None:
    assert material_from(data, FRESH) == FRESH


def test_new_values_have_the_length_that_the_programs_want() -> None:
    asked: list[int] = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return b"\xff" * count

    material = draw(random_bytes)
    assert sorted(asked) == [16, 32]
    assert urlsafe_b64decode(material.cookie_secret) == b"\xff" * 32
    assert urlsafe_b64decode(material.tunnel_secret + "==") == b"\xff" * 16


def test_no_secret_value_shows_in_a_log() -> None:
    assert repr(Material(tunnel_secret="hush", cookie_secret="hush")) == "Material()"


@pytest.mark.parametrize(
    "builder",
    [
        session(),
        session().with_oauth2_proxy(),
        session().with_oidc().as_job(),
        session().with_oidc().with_spec(authentication={"enabled": False}),
    ],
    ids=["open", "oauth2proxy", "job", "switched off"],
)
def test_a_session_that_needs_no_secret_values_has_none(builder: SessionBuilder) -> None:
    assert "data" not in internal_secret(builder.subject(), FRESH)


@pytest.mark.parametrize(
    ("builder", "path"),
    [
        (session().with_token(), b"/"),
        (session().with_token().with_ingress(pathPrefix="/sessions/demo"), b"/sessions/demo/"),
    ],
)
def test_a_key_that_is_entered_by_hand_is_kept_for_the_sessions_own_path(builder: SessionBuilder, path: bytes) -> None:
    data = internal_secret(builder.subject(), FRESH)["data"]
    assert {key: b64decode(value) for key, value in data.items()} == {"authproxy-cookie-path": path}


def test_a_remote_session_with_oidc_has_both() -> None:
    secret = internal_secret(session().with_oidc().remote().subject(), FRESH)
    assert set(secret["data"]) == {"WSTUNNEL_SECRET", "oauth2-proxy-alpha-config.yaml", "oauth2-proxy-config.yaml"}


def test_a_path_cannot_smuggle_settings_into_the_proxys_configuration() -> None:
    prefix = '/a"\nskip_auth_routes = [".*"] # \\ é\t: {}'
    subject = session().with_oidc().with_ingress().with_spec(ingress={"pathPrefix": prefix}).subject()
    toml, alpha = tomllib.loads(oidc.proxy_config(subject, "c")), yaml.safe_load(oidc.alpha_config(subject))
    assert toml["cookie_path"] == f"{prefix}/"
    assert "skip_auth_routes" not in toml
    assert alpha["upstreamConfig"]["upstreams"][0]["path"] == f"{prefix}/"
    assert set(alpha) == {"providers", "server", "upstreamConfig"}
