"""Whose token it is decides which service account no session may have: no token may end the operator at its start."""

import base64
import json

import pytest

from amalthea.kube.auth.credentials import service_account


def token(payload: object) -> str:
    """Return a JSON Web Token with that payload, unpadded as they are."""
    encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"e30.{encoded}.c2lnbmVk"


@pytest.mark.parametrize("more", [{}, {"aud": ["a"], "kubernetes.io": {"namespace": "other"}}, {"x": "~~~~"}])
def test_the_token_of_a_service_account_names_it(more: dict[str, object]) -> None:
    assert service_account(token({"sub": "system:serviceaccount:team:amalthea", **more})) == ("team", "amalthea")


@pytest.mark.parametrize(
    "other",
    [
        None,
        "",
        "opaque",
        "a.b.c",
        "a.\xe4.c",
        "..",
        token([]),
        token({}),
        token({"sub": 1}),
        token({"sub": "alice"}),
        token({"sub": "system:node:one:two"}),
        token({"sub": "system:serviceaccount:team:a:b"}),
    ],
)
def test_any_other_token_is_of_no_service_account(other: str | None) -> None:
    assert service_account(other) is None
