"""The user's token goes to the hosts that the web back end names, and to none that they redirect to."""

from http.client import HTTPMessage
from io import BytesIO
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

import pytest

from amalthea.sidecars.cloner.access import tokens
from lab.base.pki import Authority
from tests.support.git_server import GitServer


@pytest.mark.parametrize(
    "to", ["https://renku.org:8443/other", "https://evil.org/token", "http://renku.org/token", "https://a@renku.org/"]
)
def test_a_redirect_to_another_origin_is_refused(to: str) -> None:
    request = Request("https://renku.org/token", headers={"Authorization": "Bearer hush"})
    with pytest.raises(HTTPError, match="redirected to another server") as refused:
        tokens._SameOrigin().redirect_request(request, BytesIO(), 302, "Found", HTTPMessage(), to)
    refused.value.close()


def test_a_redirect_within_the_origin_is_followed_with_the_token() -> None:
    request = Request("https://renku.org/token", headers={"Authorization": "Bearer hush"})
    to = "https://renku.org:443/other"

    following = tokens._SameOrigin().redirect_request(request, BytesIO(), 302, "Found", HTTPMessage(), to)

    assert following is not None
    assert following.has_header("Authorization")


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
