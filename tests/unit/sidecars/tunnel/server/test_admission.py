"""Anybody on the Internet may ask: only who shows the secret is let in, and only to what a session needs."""

import base64
import hmac
import json
from collections.abc import Callable

import pytest

from amalthea.sidecars.tunnel.server.admission import (
    ANYWHERE,
    LOOPBACK,
    Forward,
    ForwardRequest,
    Refused,
    Reverse,
    judge,
)
from amalthea.sidecars.tunnel.server.settings import Settings
from tests.unit.sidecars.tunnel.recordings import NAMES, SECRET, connections, head_of

SETTINGS = Settings(SECRET, 65531)
REVERSE = {"p": "ReverseTcp", "r": "0.0.0.0", "rp": 8888}
FORWARD = {"p": {"Tcp": {"proxy_protocol": False}}, "r": "localhost", "rp": 65480}


def token(claims: object) -> str:
    return ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", json.dumps(claims).encode(), b"x")
    )


def request(claims: object = None, **changed: str | None) -> bytes:
    fields: dict[str, str | None] = {
        "host": "h",
        "upgrade": "websocket",
        "connection": "upgrade",
        "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec_websocket_version": "13",
        "sec_websocket_protocol": f"v1, authorization.bearer.{token(REVERSE if claims is None else claims)}",
        "authorization": f"Bearer {SECRET}",
        **changed,
    }
    target = fields.pop("target", "GET /sessions/demo/__amalthea__/tunnel/events HTTP/1.1")
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([target or "", *lines, "", ""]).encode()


@pytest.mark.parametrize("name", NAMES)
def test_real_clients_are_let_in_to_what_they_ask_for(name: str) -> None:
    for connection in connections(name):
        head = head_of(connection)
        if "wrong-secret" in name:
            with pytest.raises(Refused, match="its secret is wrong"):
                judge(head, SETTINGS)
            continue
        admitted = judge(head, SETTINGS)
        assert admitted.request == (Forward("127.0.0.1", 65480) if "forward" in name else Reverse(ANYWHERE, 18888))
        if answer := connection["server"]["head"]:
            assert fields(admitted.answer) == fields(answer.encode()) - {
                line for line in fields(answer.encode()) if line[:4] == b"date"
            }


def fields(head: bytes) -> set[bytes]:
    """Return the lines of a head, less the difference that letters' case makes in names."""
    start, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    split = [line.partition(b": ") for line in lines]
    return {start} | {
        name.lower() + b": " + (value.lower() if name.lower() == b"connection" else value) for name, _, value in split
    }


def test_the_answer_proves_that_the_request_was_read() -> None:
    assert (
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in judge(request(), SETTINGS).answer
    )  # RFC 6455, 1.3


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (REVERSE, Reverse(ANYWHERE, 8888)),
        ({**REVERSE, "r": "::"}, Reverse(ANYWHERE, 8888)),
        ({**REVERSE, "r": "127.0.0.1"}, Reverse(LOOPBACK, 8888)),
        ({**REVERSE, "rp": 1024}, Reverse(ANYWHERE, 1024)),
        ({**REVERSE, "id": "x", "more": [1]}, Reverse(ANYWHERE, 8888)),
        (FORWARD, Forward("127.0.0.1", 65480)),
        ({**FORWARD, "rp": 65481}, Forward("127.0.0.1", 65481)),
        ({**FORWARD, "r": "::1"}, Forward("::1", 65480)),
        ({**FORWARD, "r": "127.0.0.1"}, Forward("127.0.0.1", 65480)),
        ({**FORWARD, "p": {"Tcp": {}}}, Forward("127.0.0.1", 65480)),
        ({**REVERSE, "r": "10.0.0.1"}, None),
        ({**REVERSE, "r": "localhost"}, None),
        ({**REVERSE, "rp": 1023}, None),
        ({**REVERSE, "rp": 0}, None),
        ({**REVERSE, "rp": -1}, None),
        ({**REVERSE, "rp": 65536}, None),
        ({**REVERSE, "rp": "8888"}, None),
        ({**REVERSE, "rp": 8888.5}, None),
        *[({**REVERSE, "rp": port}, None) for port in (65480, 65481, 65531, 65532, 65533, 65534, 65535)],
        ({**FORWARD, "r": "169.254.169.254"}, None),
        ({**FORWARD, "r": "localhost."}, None),
        ({**FORWARD, "r": "127.0.0.2"}, None),
        ({**FORWARD, "r": "0.0.0.0"}, None),
        *[({**FORWARD, "rp": port}, None) for port in (22, 443, 8888, 65534, 65535)],
        ({**FORWARD, "p": {"Tcp": {"proxy_protocol": True}}}, None),
        ({**FORWARD, "p": {"Udp": {"timeout": None}}}, None),
        ({**FORWARD, "p": {"Tcp": {}, "Udp": {}}}, None),
        ({**REVERSE, "p": "ReverseSocks5"}, None),
        ({**REVERSE, "p": {"ReverseUnix": {"path": "/x"}}}, None),
        ({**REVERSE, "p": "Socks5"}, None),
        ({"p": "ReverseTcp"}, None),
        ([], None),
        ("ReverseTcp", None),
    ],
    ids=lambda value: json.dumps(value)[:70] if not isinstance(value, Forward | Reverse) else "",
)
def test_only_the_ports_of_a_session_are_opened(claims: object, expected: ForwardRequest | None) -> None:
    if expected is None:
        with pytest.raises(Refused):
            judge(request(claims), SETTINGS)
    else:
        assert judge(request(claims), SETTINGS).request == expected


def test_where_authentication_is_on_the_port_is_open_to_the_pod_only() -> None:
    """Else everybody in the cluster reaches the session past its door."""
    assert judge(request(), Settings(SECRET, loopback_only=True)).request == Reverse(LOOPBACK, 8888)


@pytest.mark.parametrize(
    ("told", "port", "is_open"),
    [
        (8888, 8888, True),
        (8888, 8889, False),
        (8888, 80, False),
        (80, 80, True),
        (80, 8888, False),
        (65534, 65534, False),
        (65480, 65480, False),
        (0, 8889, True),
    ],
)
def test_where_the_operator_says_which_no_port_but_the_sessions_own_is_opened(
    told: int, port: int, *, is_open: bool
) -> None:
    """Else a user's program on the other machine stands in the place of any other program of the pod."""
    asked, settings = request({**REVERSE, "rp": port}), Settings(SECRET, 65531, session_port=told)
    if is_open:
        assert judge(asked, settings).request == Reverse(ANYWHERE, port)
    else:
        with pytest.raises(Refused, match="it wants a port that is not open to it"):
            judge(asked, settings)


def test_the_tunnels_own_port_is_not_taken_from_it() -> None:
    with pytest.raises(Refused):
        judge(request(), Settings(SECRET, 8888))


@pytest.mark.parametrize(
    "target", ["//sessions/x/events", "/events", "/a/events?x=1", "/sessions/x/__amalthea__/tunnel/events"]
)
def test_whatever_an_ingress_makes_of_the_path_is_understood(target: str) -> None:
    assert judge(request(target=f"GET {target} HTTP/1.1"), SETTINGS).request == Reverse(ANYWHERE, 8888)


@pytest.mark.parametrize("shown", [f"bearer {SECRET}", f"Bearer   {SECRET}"])
def test_the_secret_may_be_written_as_before(shown: str) -> None:
    assert judge(request(authorization=shown), SETTINGS).request == Reverse(ANYWHERE, 8888)


@pytest.mark.parametrize(
    "changed",
    [
        {"authorization": None},
        {"authorization": SECRET},
        {"authorization": f"BEARER {SECRET}"},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": f"Bearer {SECRET}x"},
        {"authorization": f"Bearer {SECRET[:-1]}"},
        {"authorization": f"Bearer {SECRET[:-1]}\xe4"},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {SECRET}\r\nauthorization: Bearer {SECRET}"},
        {"target": "GET /sessions/x HTTP/1.1"},
        {"target": "GET /sessions/x/eventss HTTP/1.1"},
        {"target": "GET /?/events HTTP/1.1"},
        {"target": "GET http://h/events HTTP/1.1"},
        {"target": "POST /x/events HTTP/1.1"},
        {"target": "GET /x/events HTTP/2.0"},
        {"upgrade": None},
        {"upgrade": "h2c"},
        {"connection": "keep-alive"},
        {"sec_websocket_version": "8"},
        {"sec_websocket_key": "short"},
        {"sec_websocket_key": None},
        {"sec_websocket_protocol": None},
        {"sec_websocket_protocol": "v1"},
        {"sec_websocket_protocol": f"authorization.bearer.{token(REVERSE)}"},
        {"sec_websocket_protocol": f"v2, authorization.bearer.{token(REVERSE)}"},
        {"sec_websocket_protocol": "v1, authorization.bearer.a.b"},
        {"sec_websocket_protocol": "v1, authorization.bearer.a.%%.c"},
        {"sec_websocket_protocol": "v1, authorization.bearer.a." + "W1tb" * 3000 + ".c"},
        {"content_length": "4"},
        {"transfer_encoding": "chunked"},
        {"x": "y\0"},
    ],
    ids=lambda changed: ascii(changed)[:70],
)
def test_everything_else_is_refused(changed: dict[str, str | None]) -> None:
    with pytest.raises(Refused) as refused:
        judge(request(**changed), SETTINGS)
    assert SECRET not in str(refused.value)


def test_the_secret_is_compared_in_constant_time_and_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(shown: bytes, secret: bytes) -> bool:
        compared.append((shown, secret))
        return usual(shown, secret)

    usual: Callable[[bytes, bytes], bool] = hmac.compare_digest
    monkeypatch.setattr("hmac.compare_digest", compare)
    for spoilt in ({"target": "POST /x HTTP/1.1"}, {"upgrade": None}, {"sec_websocket_protocol": "x"}):
        with pytest.raises(Refused, match="its secret is wrong"):
            judge(request(authorization="Bearer wrong", **spoilt), SETTINGS)
    assert compared == [(b"wrong", SECRET.encode())] * 3
