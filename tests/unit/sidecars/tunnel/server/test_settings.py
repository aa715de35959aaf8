"""The names are those that the operators of both kinds set; what cannot be used is reported, without the secret."""

import pytest

from amalthea.sidecars.tunnel.server.settings import Settings, SettingsError, read

SECRET = "do-not-show-me"


@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        ([], {"WSTUNNEL_SECRET": SECRET}, Settings(SECRET)),
        ([], {"WSTUNNEL_SECRET": SECRET, "WSTUNNEL_PORT": "65531"}, Settings(SECRET, 65531)),
        ([], {"WSTUNNEL_SECRET": SECRET, "WSTUNNEL_PORT": ""}, Settings(SECRET)),
        (["--secret", SECRET, "--port=7"], {"WSTUNNEL_SECRET": "x", "WSTUNNEL_PORT": "8"}, Settings(SECRET, 7)),
        ([], {"WSTUNNEL_SECRET": SECRET, "WSTUNNEL_LOG-LEVEL": "TRACE"}, Settings(SECRET, log_level="debug")),
        ([], {"WSTUNNEL_SECRET": SECRET, "WSTUNNEL_LOG_LEVEL": "warn"}, Settings(SECRET, log_level="warning")),
        (["--log-level=ERROR"], {"WSTUNNEL_SECRET": SECRET}, Settings(SECRET, log_level="error")),
        ([], {"WSTUNNEL_SECRET": SECRET, "TUNNEL_LOOPBACK_ONLY": "true"}, Settings(SECRET, loopback_only=True)),
        ([], {"WSTUNNEL_SECRET": SECRET, "TUNNEL_LOOPBACK_ONLY": ""}, Settings(SECRET)),
        ([], {"WSTUNNEL_SECRET": SECRET, "TUNNEL_SESSION_PORT": "8888"}, Settings(SECRET, session_port=8888)),
        ([], {"WSTUNNEL_SECRET": SECRET, "TUNNEL_SESSION_PORT": ""}, Settings(SECRET)),
    ],
)
def test_flags_go_before_variables_and_those_before_defaults(
    arguments: list[str], env: dict[str, str], expected: Settings
) -> None:
    settings = read(arguments, env)
    assert settings == expected
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"WSTUNNEL_SECRET": ""}, "WSTUNNEL_SECRET is missing; write"),
        ({"WSTUNNEL_SECRET": f"{SECRET}\n"}, "WSTUNNEL_SECRET cannot be sent in a header field; write"),
        ({"WSTUNNEL_SECRET": f"{SECRET}ä"}, "WSTUNNEL_SECRET cannot be sent in a header field; write"),
        ({"WSTUNNEL_PORT": "0"}, "WSTUNNEL_PORT is '0'; write"),
        ({"WSTUNNEL_PORT": "65536"}, "WSTUNNEL_PORT is '65536'; write"),
        ({"WSTUNNEL_PORT": "²"}, "WSTUNNEL_PORT is '²'; write"),
        ({"WSTUNNEL_LOG_LEVEL": "loud"}, "WSTUNNEL_LOG_LEVEL is 'loud'; write"),
        ({"TUNNEL_SESSION_PORT": "0"}, "TUNNEL_SESSION_PORT is '0'; write"),
        ({"TUNNEL_SESSION_PORT": "8888,9999"}, "TUNNEL_SESSION_PORT is '8888,9999'; write"),
        ({"TUNNEL_LOOPBACK_ONLY": "perhaps"}, "TUNNEL_LOOPBACK_ONLY is 'perhaps'; write"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_remedy(changed: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read([], {"WSTUNNEL_SECRET": SECRET, **changed})
    assert str(refused.value).startswith(told)
    assert SECRET not in str(refused.value)


def test_an_unknown_flag_is_told_as_such() -> None:
    with pytest.raises(SettingsError, match=r"tunnel listen: unrecognized arguments: --fly; see --help\."):
        read(["--fly"], {})
