"""Secrets that go with a session: none may stay behind, and none may go that the user wants to keep."""

from typing import Any

import pytest

from amalthea.model.views.adoption import adopted_secrets

ADOPTED = {"name": "secret", "adopt": True}
PLACES: dict[str, dict[str, Any]] = {
    "tlsSecret": {"ingress": {"host": "h", "tlsSecret": ADOPTED}},
    "authentication": {"authentication": {"secretRef": ADOPTED}},
    "remoteSecretRef": {"session": {"remoteSecretRef": ADOPTED}},
    "dataSources": {"dataSources": [{}, {"secretRef": ADOPTED}]},
    "cloningConfigSecretRef": {"codeRepositories": [{"cloningConfigSecretRef": ADOPTED}]},
    "configSecretRef": {"codeRepositories": [{"configSecretRef": ADOPTED}]},
    "imagePullSecrets": {"imagePullSecrets": [ADOPTED]},
}
NOT_ADOPTED: list[Any] = [
    {"name": "secret"},
    {"name": "secret", "adopt": False},
    {"name": "secret", "adopt": None},
    {"name": "secret", "adopt": "true"},
    {"name": "", "adopt": True},
    {"name": 1, "adopt": True},
    {"adopt": True},
    "secret",
    ["secret"],
    None,
]


@pytest.mark.parametrize("spec", PLACES.values(), ids=PLACES)
def test_each_of_the_seven_references_counts(spec: dict[str, Any]) -> None:
    assert adopted_secrets(spec) == ("secret",)


@pytest.mark.parametrize("reference", NOT_ADOPTED, ids=str)
def test_a_secret_is_kept_unless_its_adoption_is_plainly_said(reference: object) -> None:
    assert adopted_secrets({"authentication": {"secretRef": reference}, "imagePullSecrets": [reference]}) == ()


def test_a_secret_that_is_referred_to_twice_is_named_once() -> None:
    assert adopted_secrets({**PLACES["authentication"], **PLACES["imagePullSecrets"]}) == ("secret",)


def test_a_malformed_part_hides_no_other_reference() -> None:
    spec = {"session": "?", "ingress": [], "dataSources": {"secretRef": 1}, **PLACES["imagePullSecrets"]}

    assert adopted_secrets(spec) == ("secret",)
