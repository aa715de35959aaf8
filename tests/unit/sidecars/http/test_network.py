"""The servers behind the network's own proxy are chosen by variables that everybody knows."""

import pytest

from amalthea.sidecars.http.network import Network, WebProxy, from_environment
from amalthea.sidecars.http.origins import Origin

PROXY = "http://me:h%20ush@proxy.example.org:3128"
SERVER = Origin("https", "git.example.org", 8443)


def test_without_the_variables_every_server_is_dialled_directly() -> None:
    assert from_environment({"HTTP_PROXY": PROXY, "NO_PROXY": "*"}) == Network()


def test_the_variables_name_the_proxy_and_what_it_wants_to_see() -> None:
    network = from_environment({"HTTPS_PROXY": PROXY, "no_proxy": " .a.org , B.org "})

    assert network.tunnels == WebProxy(Origin("http", "proxy.example.org", 3128), "Basic bWU6aCB1c2g=")
    assert network.direct == (".a.org", "b.org")
    assert "ush" not in repr(network)
    assert from_environment({"https_proxy": "proxy:3128"}) == Network(WebProxy(Origin("http", "proxy", 3128)))


@pytest.mark.parametrize("text", ["https://proxy:1", "socks5://proxy:1", "http://", "http://hush@:1"])
def test_a_proxy_that_cannot_be_used_is_refused_without_a_word_of_its_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"^HTTPS_PROXY is not the address .*; write one like") as refused:
        from_environment({"HTTPS_PROXY": text})
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("entry", "direct"),
    [
        ("git.example.org", True),
        ("example.org", True),
        (".example.org", True),
        ("*.example.org", True),
        ("example.org:8443", True),
        ("*", True),
        ("example.org:443", False),
        ("ample.org", False),
        ("other.org", False),
        ("10.0.0.0/8", False),
        ("*.", False),
    ],
)
def test_what_is_near_is_reached_without_the_proxy(entry: str, direct: bool) -> None:
    assert from_environment({"HTTPS_PROXY": PROXY, "NO_PROXY": entry}).takes_proxy(SERVER) != direct


@pytest.mark.parametrize(
    ("host", "takes_proxy"),
    [("10.1.2.3", False), ("11.1.2.3", True), ("localhost", False), ("127.0.0.2", False), ("::1", False)],
)
def test_ranges_of_addresses_and_this_machine_are_near(host: str, takes_proxy: bool) -> None:
    network = from_environment({"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"})
    assert network.takes_proxy(Origin("https", host, 443)) == takes_proxy


def test_what_is_no_tunnel_does_not_take_the_proxy() -> None:
    assert not from_environment({"HTTPS_PROXY": PROXY}).takes_proxy(Origin("http", "git.example.org", 80))


def test_a_request_without_tls_takes_the_proxy_for_those_where_a_program_asks_for_it() -> None:
    variables = {"HTTP_PROXY": PROXY, "NO_PROXY": "near.example.org"}
    network = from_environment(variables, plain=True)

    far, near = (Origin("http", host, 80) for host in ("git.example.org", "near.example.org"))
    assert network.plain_proxy(far) == WebProxy(Origin("http", "proxy.example.org", 3128), "Basic bWU6aCB1c2g=")
    assert network.plain_proxy(near) is None
    assert network.plain_proxy(Origin("http", "127.0.0.1", 80)) is None
    assert network.plain_proxy(SERVER) is None
    assert not network.takes_proxy(far)
    assert from_environment(variables).plain_proxy(far) is None
    with pytest.raises(ValueError, match=r"^HTTP_PROXY is not the address"):
        from_environment({"HTTP_PROXY": "socks5://proxy:1"}, plain=True)
