"""A session on another machine comes out at a port of its pod, which must not be a way past its door."""

import pytest

from amalthea.children.pod import remote
from amalthea.sidecars.tunnel.server.settings import read
from amalthea.testing.builders import SessionBuilder, session

SECRET = {"WSTUNNEL_SECRET": "x"}


def variables(builder: SessionBuilder) -> dict[str, str]:
    """Return the tunnel's variables in the manifest."""
    env = remote.tunnel(builder.remote().subject())["env"]
    return {variable["name"]: variable["value"] for variable in env if "value" in variable}


@pytest.mark.parametrize(
    ("builder", "is_near"),
    [
        (session().with_token(), True),
        (session().with_oauth2_proxy(), True),
        (session().with_oidc(), True),
        (session(), False),
        (session().with_token().with_spec(authentication={"enabled": False}), False),
    ],
    ids=["token", "oauth2-proxy", "oidc", "open", "disabled"],
)
def test_the_sessions_port_is_reached_from_outside_the_pod_only_without_authentication(
    builder: SessionBuilder, is_near: bool
) -> None:
    assert read([], {**SECRET, **variables(builder)}).loopback_only is is_near


@pytest.mark.parametrize("builder", [session(), session().with_token()], ids=["open", "token"])
def test_the_tunnel_is_told_the_sessions_port_and_opens_no_other(builder: SessionBuilder) -> None:
    assert read([], {**SECRET, **variables(builder.with_session(port=4321))}).session_port == 4321
