"""A redirect must not take a secret to another server."""

import pytest

from amalthea.sidecars.http.origins import same_origin


@pytest.mark.parametrize(
    ("to", "same"),
    [
        ("https://renku.org/other?x", True),
        ("HTTPS://RENKU.org:443/", True),
        ("https://renku.org:8443/", False),
        ("http://renku.org/", False),
        ("http://renku.org:443/", False),
        ("https://renku.org.evil.org/", False),
        ("https://www.renku.org/", False),
        ("https://renku.org./", False),
        ("https://renku.org@evil.org/", False),
        ("https://me@renku.org/", False),
        ("https://evil.org\\@renku.org/", False),
        ("https://evil.org#@renku.org/", False),
        ("https://renku.org:0x1bb/", False),
        ("https://renku.org:99999/", False),
        ("https://renku.org:0/", False),
        ("https://[::1]/", False),
        ("https://[", False),
        ("ftp://renku.org/", False),
        ("//renku.org/", False),
        ("", False),
    ],
)
def test_only_the_same_scheme_host_and_port_are_the_same_origin(to: str, same: bool) -> None:
    assert same_origin("https://renku.org/token", to) is same


def test_what_has_no_origin_is_not_the_same_as_itself() -> None:
    assert not same_origin("nonsense", "nonsense")
