"""A token that has ended must not be sent, and one that does not say when it ends must not be thrown away."""

import base64
import json

import pytest

from amalthea.sidecars import token_expiry


def jwt(payload: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"e30.{middle}.signature"


@pytest.mark.parametrize(
    ("token", "ends"),
    [
        (jwt({"exp": 1234}), 1234.0),
        (jwt({"exp": 1234.5, "sub": "ä?>"}), 1234.5),
        (jwt({"exp": "1234"}), None),
        (jwt({"exp": 0}), None),
        (jwt({}), None),
        (jwt([]), None),
        (jwt({"exp": float("inf")}), None),
        (jwt({"exp": 10**400}), None),
        (jwt({"exp": True}), None),
        ("opaque", None),
        ("a.b.c", None),
        ("..", None),
        ("", None),
        ("a.ü.c", None),
    ],
)
def test_the_end_of_a_jwt_is_read_and_nothing_else_breaks(token: str, ends: float | None) -> None:
    assert token_expiry.end_of_jwt(token) == ends


@pytest.mark.parametrize(
    ("told", "ends"),
    [
        (1000.0, 1000.0),
        (0, None),
        (-1, None),
        (10**400, None),
        (None, None),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T00:01:00", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("soon", None),
    ],
)
def test_the_end_of_a_providers_token_is_a_number_or_a_date(told: float | str | None, ends: float | None) -> None:
    assert token_expiry.end_as_told(told) == ends


@pytest.mark.parametrize(("ends", "soon"), [(None, False), (100.0, True), (160.0, True), (160.1, False)])
def test_what_nobody_knows_is_not_soon(ends: float | None, soon: bool) -> None:
    assert token_expiry.ends_within(ends, 60.0, 100.0) is soon


@pytest.mark.parametrize(
    ("token", "plain"), [("abc-._~+/=", True), ("", False), ("a b", False), ("a\r\nb", False), ("ü", False)]
)
def test_a_token_that_would_break_a_head_is_none(token: str, plain: bool) -> None:
    assert token_expiry.is_plain(token) is plain
