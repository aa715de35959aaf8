"""Where a session is opened: the URL that clients store and show."""

import pytest

from amalthea.build.url import path_prefix, session_url, url_path
from amalthea.testing.builders import SessionBuilder, session

DEMO = session().with_ingress("h.org")

URLS: dict[str, tuple[SessionBuilder, str]] = {
    "no ingress": (session(), "None"),
    "plain": (DEMO, "http://h.org/sessions/demo/lab/"),
    "paused": (DEMO.hibernated(), "http://h.org/sessions/demo/lab/"),
    "tls secret": (DEMO.with_spec(ingress={"tlsSecret": {"name": "tls"}}), "https://h.org/sessions/demo/lab/"),
    "default certificate": (
        DEMO.with_spec(ingress={"useDefaultClusterTLSCert": True}),
        "https://h.org/sessions/demo/lab/",
    ),
    "tls before the cluster": (DEMO.with_spec(ingress={"assumeHttps": True}), "https://h.org/sessions/demo/lab/"),
    "https everywhere": (DEMO.with_settings(https_ingress=True), "https://h.org/sessions/demo/lab/"),
    "slash kept": (DEMO.with_session(urlPath="/a/"), "http://h.org/a/"),
    "empty": (DEMO.with_session(urlPath=""), "http://h.org/"),
    "query": (DEMO.with_session(urlPath="/a?b=/c&d"), "http://h.org/a/?b=/c&d"),
    "fragment": (DEMO.with_session(urlPath="/a#b?c"), "http://h.org/a/#b?c"),
    "query and fragment": (DEMO.with_session(urlPath="/a/?b#c"), "http://h.org/a/?b#c"),
    "query alone": (DEMO.with_session(urlPath="?b"), "http://h.org/?b"),
    "escapes": (DEMO.with_session(urlPath="/a%2Fb%20c"), "http://h.org/a%2Fb%20c/"),
}


@pytest.mark.parametrize(("builder", "url"), URLS.values(), ids=URLS)
def test_the_url_is_the_one_that_opens_the_session(builder: SessionBuilder, url: str) -> None:
    subject = builder.subject()
    assert session_url(subject.spec, subject.settings) == url


def test_the_stripped_prefix_holds_no_query() -> None:
    assert url_path(session().with_session(urlPath="/a?b#c").subject().spec.session) == "/a/"


@pytest.mark.parametrize(("prefix", "served"), [("/", "/"), ("", "/"), ("/a", "/a/"), ("/a/", "/a/")])
def test_the_ingress_never_serves_a_neighbour_whose_name_begins_the_same(prefix: str, served: str) -> None:
    assert path_prefix(DEMO.with_spec(ingress={"pathPrefix": prefix}).subject().spec.ingress) == served


def test_without_ingress_the_prefix_is_the_root() -> None:
    assert path_prefix(None) == "/"
