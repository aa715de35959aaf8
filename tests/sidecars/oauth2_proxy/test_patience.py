"""A session may take minutes until it begins to answer: oauth2-proxy by itself answers 502 after half a minute."""

import http
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from amalthea.testing.builders import SessionBuilder, session
from tests.sidecars.oauth2_proxy.door import Answer, Door, Visitor
from tests.support.issuer import CLIENT_SECRET, Issuer

Start = Callable[[SessionBuilder, Mapping[str, str]], Door]

CALLBACK = "https://lab.example.org/sessions/demo/oauth2/callback"
OWN = """
provider = "oidc"
oidc_issuer_url = "{url}"
client_id = "amalthea"
client_secret = "{secret}"
cookie_secret = "0123456789abcdef"
email_domains = ["*"]
skip_provider_button = true
redirect_url = "{callback}"
proxy_prefix = "/sessions/demo/oauth2"
"""
BEYOND = "https://lab.example.org/sessions/demo/api/nbconvert?wait=31"
"""What the session answers after 31 s: oauth2-proxy's own limit is 30, and no shorter one can stand for it."""


def test_a_session_that_takes_more_than_half_a_minute_is_waited_for(
    issuer: Issuer, provider: dict[str, str], start: Start
) -> None:
    issuer.redirect_uris.add(CALLBACK)
    own = OWN.format(url=issuer.url, secret=CLIENT_SECRET, callback=CALLBACK)
    doors = (
        start(session().with_oidc().with_ingress(assumeHttps=True), provider),
        start(session().with_oauth2_proxy().with_ingress(assumeHttps=True), {"auth": own}),
    )

    def ask(door: Door) -> Answer:
        door.wait_until_ready()
        return Visitor(door, issuer, "ada").open(BEYOND)

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(ask, doors))
    assert [answer.status for answer in answers] == [http.HTTPStatus.OK] * 2, answers
