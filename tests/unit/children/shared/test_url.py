"""The URL of a session, which clients store and show."""

import pytest

from amalthea.api.schema import Manifest
from amalthea.children.pod import pod
from amalthea.children.shared.url import opened_at, path_prefix, session_url, url_path
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
    "no slash": (DEMO.with_session(urlPath="lab"), "http://h.org/lab/"),
    "blanks": (
        DEMO.with_session(urlPath="/tree/My Notebook.ipynb?path=a b"),
        "http://h.org/tree/My%20Notebook.ipynb/?path=a%20b",
    ),
    "line breaks and backslashes": (DEMO.with_session(urlPath="/a\nb?c\\d"), "http://h.org/a%0Ab/?c%5Cd"),
    "escapes": (DEMO.with_session(urlPath="/a%2Fb%20c"), "http://h.org/a%2Fb%20c/"),
}


@pytest.mark.parametrize(("builder", "url"), URLS.values(), ids=URLS)
def test_the_url_is_the_one_that_opens_the_session(builder: SessionBuilder, url: str) -> None:
    subject = builder.subject()
    assert session_url(subject.spec, subject.settings) == url


def test_the_stripped_prefix_holds_no_query() -> None:
    assert url_path(session().with_session(urlPath="/a?b#c").subject().spec.session) == "/a/"


ASKED_FOR = {"": "/", "lab": "/lab", "/a b": "/a%20b", "?path=a b": "/?path=a%20b"}


@pytest.mark.parametrize(("written", "asked"), ASKED_FOR.items())
def test_probe_and_door_ask_for_what_a_request_can_hold(written: str, asked: str) -> None:
    """A taken-over session whose probe asks for something else than before never gets ready again."""
    builder = DEMO.with_token().with_session(urlPath=written, stripURLPath=True, readinessProbe={"type": "http"})
    local = pod.template(builder.subject())["spec"]
    (here,), (door,) = local["containers"], local["initContainers"]
    far = pod.template(builder.remote().subject())["spec"]["containers"][0]

    assert here["readinessProbe"]["httpGet"]["path"] == asked
    assert env_of(door)["AUTHPROXY_STRIP_PATH_PREFIX"] == asked.partition("?")[0].rstrip("/") + "/"
    assert env_of(far)["RSC_SESSION_URL_PATH"] == written, "the controller of another release sees what it always saw"


@pytest.mark.parametrize("written", ["/", "/lab", "/a%2Fb%20c?d=/e#f", "/ä+b;c?d=%5C"])
def test_a_path_that_can_be_asked_for_is_left_as_it_is(written: str) -> None:
    assert opened_at(DEMO.with_session(urlPath=written).subject().spec.session) == written


def env_of(container: Manifest) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


@pytest.mark.parametrize(("prefix", "served"), [("/", "/"), ("", "/"), ("/a", "/a/"), ("/a/", "/a/")])
def test_the_ingress_never_serves_a_neighbour_whose_name_begins_the_same(prefix: str, served: str) -> None:
    assert path_prefix(DEMO.with_spec(ingress={"pathPrefix": prefix}).subject().spec.ingress) == served


def test_without_ingress_the_prefix_is_the_root() -> None:
    assert path_prefix(None) == "/"
