"""A request must go where its sender named, and nowhere that the checks before did not see."""

import pytest

from amalthea.sidecars.gitproxy.rules import routing
from amalthea.sidecars.gitproxy.rules.matching import repository
from amalthea.sidecars.http.http1 import BadMessage, Request, read_request
from amalthea.sidecars.http.origins import Origin

HERE = Origin("https", "git.example.org", 8443)


def request(start: str, *fields: str) -> Request:
    return read_request("".join(f"{line}\r\n" for line in (f"{start} HTTP/1.1", *fields, "")).encode())


@pytest.mark.parametrize(
    ("target", "expected"),
    [("h:443", ("h", 443)), ("[::1]:22", ("::1", 22)), ("H.example:8443", ("h.example", 8443))],
)
def test_connect_names_a_host_and_a_port(target: str, expected: tuple[str, int]) -> None:
    server = routing.tunnel(request(f"CONNECT {target}"))
    assert (server.host, server.port) == expected


@pytest.mark.parametrize(
    "target", ["h", "h:", ":443", "h:0", "h:65536", "https://h:443", "u@h:443", "h:443/x", "::1:2"]
)
def test_connect_to_anything_else_is_refused(target: str) -> None:
    with pytest.raises(BadMessage):
        routing.tunnel(request(f"CONNECT {target}"))


def test_connect_with_a_body_is_refused() -> None:
    with pytest.raises(BadMessage):
        routing.tunnel(request("CONNECT h:443", "Content-Length: 3"))


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        ("http://h/x?y=z", "h", "/x?y=z"),
        ("http://h", "h", "/"),
        ("http://h?y", "h", "/?y"),
        ("HTTP://h:8080/x", "h:8080", "/x"),
    ],
)
def test_a_plain_request_reaches_its_server_as_if_there_was_no_proxy(target: str, host: str, path: str) -> None:
    server, sent = routing.plain(request(f"GET {target}", "Host: other", "Proxy-Authorization: x", "Accept: */*"))
    assert (server.authority, sent.target) == (host, path)
    assert sent.fields == (("Accept", "*/*"), ("Host", host))
    assert sent.encode().startswith(f"GET {path} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    "target", ["/x", "*", "https://h/x", "ftp://h/x", "http:///x", "http://u:p@h/x", "http://h:x/"]
)
def test_a_request_for_the_proxy_itself_is_refused(target: str) -> None:
    with pytest.raises(BadMessage, match="This is a proxy"):
        routing.plain(request(f"GET {target}"))


@pytest.mark.parametrize("host", ["git.example.org:8443", "GIT.example.org:8443"])
def test_within_a_tunnel_the_host_is_that_of_the_tunnel(host: str) -> None:
    sent = request("GET /x", f"Host: {host}")
    assert routing.within(sent, HERE) is sent


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/x", ("Host: other.example.org:8443",)),
        ("/x", ("Host: git.example.org",)),
        ("/x", ("Host: git.example.org:8443", "Host: git.example.org:8443")),
        ("/x", ()),
        ("https://other/x", ("Host: git.example.org:8443",)),
    ],
)
def test_within_a_tunnel_no_other_host_can_be_asked(target: str, fields: tuple[str, ...]) -> None:
    with pytest.raises(BadMessage):
        routing.within(request(f"GET {target}", *fields), HERE)


def test_within_a_tunnel_there_is_no_other_tunnel() -> None:
    with pytest.raises(BadMessage) as refused:
        routing.within(request("CONNECT /lab/data", "Host: git.example.org:8443"), HERE)
    assert refused.value.status == 405


def test_only_servers_with_a_repository_are_intercepted() -> None:
    known = repository("https://www.git.example.org:8443/lab/data", "forge")
    assert known is not None
    hosts = ("git.example.org", "www.git.example.org", "example.org")
    assert [routing.intercepted((known,), Origin("https", host, 8443)) for host in hosts] == [True, True, False]
    assert not routing.intercepted((known,), Origin("https", "git.example.org", 443))
