"""Features of the newest Python, for older ones that run the tests."""

import ssl

import pytest


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Python make contexts as 3.13 does, which wants extensions that many authorities do not have."""
    usual = ssl.create_default_context

    def strictly(cafile: str | None = None) -> ssl.SSLContext:
        made = usual(cafile=cafile)
        made.verify_flags |= ssl.VERIFY_X509_STRICT
        return made

    monkeypatch.setattr(ssl, "create_default_context", strictly)
