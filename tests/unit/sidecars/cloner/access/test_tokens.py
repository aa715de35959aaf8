"""The user's token goes to the hosts that the web back end names, and to none that they redirect to."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

import pytest

from amalthea.sidecars.cloner.access import tokens
from amalthea.sidecars.cloner.access.tokens import NoToken
from amalthea.sidecars.cloner.errors import Stopped
from amalthea.sidecars.http.client import HttpClient
from amalthea.sidecars.http.messages import Answer, Question
from lab.base.pki import Authority
from tests.support.git_server import GitServer


class _Issuer(BaseHTTPRequestHandler):
    """Sends `/from` on to where the test says; gives a token elsewhere."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Issuer)
        self.server.seen.append(f"{self.path} {self.headers.get('Authorization')}")
        body = b"" if self.path == "/from" else self.server.answer
        self.send_response(302 if self.path == "/from" else 200)
        if self.path == "/from":
            self.send_header("Location", self.server.to.replace("PORT", str(self.server.server_port)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (as http.server calls it)
        """Say nothing."""


class Issuer(ThreadingHTTPServer):
    """A token issuer."""

    to = "/to"
    answer = b'{"access_token": "provider-token"}'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Issuer)
        self.seen: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:1/to", "http://localhost:PORT/to", "https://127.0.0.1:PORT/to", "http://a@127.0.0.1:PORT/"]
)
def test_a_redirect_to_another_origin_is_refused(issuer: Issuer, to: str) -> None:
    issuer.to = to
    with pytest.raises(NoToken, match=r"^127\.0\.0\.1 redirected the request to another server"):
        tokens.fetch(f"{issuer.address}/from", "hush", {})
    assert issuer.seen == ["/from Bearer hush"]


def test_a_redirect_within_the_origin_is_followed_with_the_token(issuer: Issuer) -> None:
    assert tokens.fetch(f"{issuer.address}/from", "hush", {}) == "provider-token"
    assert issuer.seen == ["/from Bearer hush", "/to Bearer hush"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/token", "https://nowhere.invalid/token", "http://[bad/"])
def test_where_none_is_to_be_had_there_is_none_and_it_says_why(address: str) -> None:
    with pytest.raises(NoToken, match=r"cannot be reached \(") as raised:
        tokens.fetch(address, "hush", {})
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"access_token": 1}', b'{"access_token": "a b"}', b"[" * 9999])
def test_an_answer_without_a_token_says_so(issuer: Issuer, answer: bytes) -> None:
    issuer.answer = answer
    with pytest.raises(NoToken, match="answer contains none"):
        tokens.fetch(f"{issuer.address}/token", "hush", {})


def test_a_setting_that_cannot_be_used_is_named() -> None:
    with pytest.raises(NoToken, match="SSL_CERT_FILE names /none, which cannot be used"):
        tokens.fetch("https://127.0.0.1:1/", "hush", {"SSL_CERT_FILE": "/none"})


def test_nothing_of_a_request_is_left_when_git_runs(issuer: Issuer) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    tokens.fetch(issuer.address.replace("127.0.0.1", "localhost"), "hush", {})
    assert [thread.name for thread in threading.enumerate() if "asyncio" in thread.name] == []
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1  # the issuer may still be closing this connection


@pytest.mark.parametrize("in_a_callback", [True, False])
def test_a_stop_of_the_pod_ends_a_request_wherever_it_comes(
    monkeypatch: pytest.MonkeyPatch, *, in_a_callback: bool
) -> None:
    def stop(*_: object) -> NoReturn:
        raise Stopped

    async def asked(_: HttpClient, __: Question) -> Answer:
        if in_a_callback:
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGTERM)
        else:
            threading.Timer(0.05, signal.pthread_kill, (threading.get_ident(), signal.SIGTERM)).start()
        await asyncio.Event().wait()
        return Answer(200)

    monkeypatch.setattr(HttpClient, "__call__", asked)
    former = signal.signal(signal.SIGTERM, stop)
    try:
        with pytest.raises(Stopped):
            tokens.fetch("http://127.0.0.1:1/", "hush", {})
    finally:
        signal.signal(signal.SIGTERM, former)


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
        with pytest.raises(NoToken, match=r"certificate of 127\.0\.0\.1 is not trusted"):
            tokens.fetch(address, "hush", {})
    finally:
        server.close()
