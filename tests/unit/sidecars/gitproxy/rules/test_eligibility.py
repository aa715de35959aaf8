"""A request that a server may treat as another one than it seems, or send back, must not carry a token."""

import pytest

from amalthea.sidecars.gitproxy.rules.eligibility import why_not
from amalthea.sidecars.http.http1 import Request, read_request


def request(method: str, *fields: str) -> Request:
    return read_request("".join(f"{line}\r\n" for line in (f"{method} /x HTTP/1.1", *fields, "")).encode())


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_what_git_and_its_servers_speak_may_carry_a_token(method: str) -> None:
    fields = ("Host: h", "Git-Protocol: version=2", "Connection: Keep-Alive", "Expect: 100-continue")
    assert why_not(request(method, *fields, "Content-Encoding: gzip", "X-Request-Id: 1")) == ""


@pytest.mark.parametrize(
    "method", ["TRACE", "TRACK", "trace", "get", "Post", "OPTIONS", "DEBUG", "PROPFIND", "MOVE", "COPY", "LINK", "X"]
)
def test_an_odd_method_gets_no_token(method: str) -> None:
    assert why_not(request(method, "Host: h"))


@pytest.mark.parametrize(
    "field",
    [
        "X-Original-URL: /admin",
        "x-original-uri: /admin",
        "X_Original_URL: /admin",
        "X.Original.URL: /admin",
        "X-Rewrite-URL: /admin",
        "X-Forwarded-Path: /admin",
        "X-Forwarded-Host: evil",
        "X-Forwarded-Prefix: /../",
        "X-FORWARDED_FOR: 127.0.0.1",
        "Forwarded: host=evil",
        "X-HTTP-Method-Override: TRACE",
        "X-HTTP-Method: TRACE",
        "X-Method-Override: TRACE",
        "X-Envoy-Original-Path: /admin",
        "X-Accel-Redirect: /admin",
        "X-Host: evil",
        "Destination: https://h/other",
        "Upgrade: h2c",
        "Upgrade: TLS/1.2, HTTP/1.1",
        "Connection: Upgrade, HTTP2-Settings",
        "Connection: close, Authorization",
        "Connection: keep-alive, Content-Length",
        "Connection: TE",
    ],
)
def test_a_field_that_reroutes_or_a_change_of_protocol_costs_the_token(field: str) -> None:
    why = why_not(request("GET", "Host: h", field))
    assert why
    assert field.partition(": ")[2] not in why
