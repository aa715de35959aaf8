"""The user's token goes to those whom the web back end names, and to nobody to whom they send us on."""

from http.client import HTTPMessage
from io import BytesIO
from pathlib import Path
from urllib.request import Request

import pytest

from amalthea.sidecars.cloner import tokens
from lab.pki import Authority
from tests.support.git_server import GitServer


@pytest.mark.parametrize(
    ("to", "kept"),
    [
        ("https://renku.org/other", True),
        ("https://renku.org:8443/other", True),
        ("https://evil.org/token", False),
        ("http://renku.org/token", False),
    ],
)
def test_a_redirect_takes_the_token_along_to_the_same_host_only(to: str, kept: bool) -> None:
    request = Request("https://renku.org/token", headers={"Authorization": "Bearer hush"})

    following = tokens._SameHost().redirect_request(request, BytesIO(), 302, "Found", HTTPMessage(), to)

    assert following is not None
    assert following.has_header("Authorization") is kept


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/token", "https://nowhere.invalid/token", "http://[bad/"])
def test_where_none_is_to_be_had_there_is_none(address: str) -> None:
    assert tokens.fetch(address, "hush", {}) is None


@pytest.mark.usefixtures("strict")
def test_a_web_back_end_whose_authority_has_no_key_identifier_gives_a_token(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    server = GitServer(tmp_path, authority)
    server.tokens["/token/hub hush"] = "provider-token"
    address = f"https://{server.host}/token/hub"
    try:
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            environment = {variable: str(authority.pair.certificate)}
            assert tokens.fetch(address, "hush", environment) == "provider-token"
        assert tokens.fetch(address, "hush", {}) is None, "nobody vouches for it"
    finally:
        server.close()
