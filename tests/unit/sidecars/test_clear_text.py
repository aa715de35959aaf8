"""A secret that is sent without TLS can be read on the way."""

import pytest

from amalthea.sidecars.clear_text import parse


@pytest.mark.parametrize(
    ("listed", "address", "allowed"),
    [
        ("", "https://h.org/a", True),
        ("", "http://h.org/a", False),
        ("", "http://localhost/a", False),
        ("h.org", "http://h.org/a", True),
        ("h.org", "http://h.org:8080/a", True),
        ("h.org:8080", "http://h.org:8080/a", True),
        ("h.org:8080", "http://h.org/a", False),
        (" x.org , H.org ", "http://h.ORG/a", True),
        ("h.org", "http://me:pw@h.org/a", True),
        ("h.org", "http://h.org@evil.org/a", False),
        ("h.org", "http://sub.h.org/a", False),
        ("h.org", "ftp://h.org/a", False),
        ("[::1]:80", "http://[::1]:80/a", True),
        ("h.org", "", False),
        ("h.org:80", "http://h.org/a", True),
        ("[::1]", "http://[::1]:8080/a", True),
        ("h.org", "http://h.org:port/a", False),
        ("h.org", "http://[h.org/a", False),
        ("h.org", "http://evil.org#@h.org/a", False),
        ("h.org", "http://evil.org?@h.org/a", False),
        ("h.org", "http://h.org:80@evil.org/a", False),
        ("*", "http://h.org/a", False),
    ],
)
def test_only_listed_hosts_get_secrets_without_tls(listed: str, address: str, allowed: bool) -> None:
    assert parse(listed).allows(address) is allowed
