"""Questions and answers over real connections: what is asked, what is refused, what a broken server does."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from amalthea.remote import readiness
from amalthea.remote.clock import SystemClock
from amalthea.remote.errors import Unavailable
from amalthea.remote.job.standing import Standing
from amalthea.remote.requests import exchange
from amalthea.remote.requests.http import HttpExchange
from amalthea.remote.server import Server
from amalthea.remote.settings import Settings
from amalthea.sidecars.http import trust
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.sidecars.http.network import Network
from amalthea.testing.remote.firecrest_server import ServedExchange
from lab.base.pki import Authority
from tests.support.processes import free_port


class Recorder:
    """Answers each question in the same way, and keeps them."""

    def __init__(self, answer: Answer | Unavailable) -> None:
        self.answer, self.asked = answer, list[Question]()

    async def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        if isinstance(self.answer, Unavailable):
            raise self.answer
        return self.answer


async def test_a_question_arrives_as_it_was_asked() -> None:
    recorder = Recorder(Answer(429, b'{"x": "\xc3\xa9"}', 7.0))
    body = exchange.as_upload("environment.sh", b"\x00\xff--\r\n\r\nexport A='b'\n")
    async with ServedExchange({"v2": recorder}) as served, HttpExchange(trust.context({}), Network()) as ask:
        query = (("path", "/a b/ü&c+d"), ("bytes", "1"))
        answer = await ask(Question("POST", f"{served.url}/v2/a%2Fb", query, body, "t0ken"))
    assert answer == Answer(429, b'{"x": "\xc3\xa9"}', 7.0)
    [asked] = recorder.asked
    assert (asked.query, asked.bearer, asked.body) == (query, "t0ken", body)
    assert asked.url.endswith("/v2/a%2Fb")


async def test_what_breaks_off_says_nothing_but_whom_it_was_asked() -> None:
    recorder = Recorder(Unavailable("gone"))
    async with ServedExchange({"v2": recorder}) as served, HttpExchange(trust.context({}), Network()) as ask:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 cannot be reached") as raised:
            await ask(Question("GET", f"{served.url}/v2", (("secret", "s3cret"),), bearer="s3cret"))
    assert "s3cret" not in str(raised.value)


async def test_nobody_there_is_told() -> None:
    async with HttpExchange(trust.context({}), Network()) as ask:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 cannot be reached"):
            await ask(Question("GET", f"http://127.0.0.1:{free_port()}/"))


async def test_an_address_that_is_none_is_no_crash() -> None:
    async with HttpExchange(trust.context({}), Network()) as ask:
        with pytest.raises(Unavailable, match="The server cannot be reached"):
            await ask(Question("GET", "https://[bad/"))


async def test_a_server_that_keeps_silent_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with HttpExchange(trust.context({}), Network(), time_limit=0.2) as ask:
            with pytest.raises(Unavailable, match="did not answer in time"):
                await ask(Question("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/"))


class Redirecting:
    """A server that sends `/from` on to another address."""

    def __init__(self, to: Callable[[int], str], tls: ssl.SSLContext | None = None) -> None:
        self._to, self._tls = to, tls
        self.seen: list[tuple[str, str]] = []

    async def __aenter__(self) -> int:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        port: int = self._runner.addresses[0][1]
        self._port = port
        return port

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, request.headers.get("Authorization", "")))
        if request.path == "/to":
            return web.Response(text="there")
        return web.Response(status=307, headers={"Location": self._to(self._port)})


async def test_a_redirect_within_the_server_is_followed_with_the_token() -> None:
    server = Redirecting(lambda _: "/to")
    async with server as port, HttpExchange(trust.context({}), Network()) as ask:
        answer = await ask(Question("GET", f"http://127.0.0.1:{port}/from", bearer="t"))
    assert (answer.body, server.seen) == (b"there", [("GET", "Bearer t")] * 2)


async def test_a_token_never_goes_to_another_server() -> None:
    other = Redirecting(lambda _: "/to")
    async with (
        other as port,
        Redirecting(lambda _: f"http://127.0.0.1:{port}/to") as first,
        HttpExchange(trust.context({}), Network()) as ask,
    ):
        with pytest.raises(Unavailable, match="another server, which must not get the token"):
            await ask(Question("GET", f"http://127.0.0.1:{first}/from", bearer="t"))
        answer = await ask(Question("POST", f"http://127.0.0.1:{first}/from", bearer="t"))
    assert answer.status == 307
    assert other.seen == []


async def test_a_circle_of_redirects_ends() -> None:
    async with Redirecting(lambda _: "/from") as port, HttpExchange(trust.context({}), Network()) as ask:
        with pytest.raises(Unavailable, match="more than 5 times"):
            await ask(Question("GET", f"http://127.0.0.1:{port}/from"))


async def test_a_certificate_is_checked_by_the_mounted_authorities(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.server("server", ["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    question_to = "https://127.0.0.1:{}/to"
    async with Redirecting(lambda _: "/to", tls) as port:
        async with HttpExchange(trust.context({"SSL_CERT_FILE": str(authority.pair.certificate)}), Network()) as ask:
            assert (await ask(Question("GET", question_to.format(port)))).body == b"there"
        async with HttpExchange(trust.context({}), Network()) as ask:
            with pytest.raises(Unavailable, match=r"certificate of 127\.0\.0\.1 is not trusted"):
                await ask(Question("GET", question_to.format(port)))


async def test_too_much_at_once_is_refused() -> None:
    recorder = Recorder(Answer(200, bytes(9 * 2**20)))
    async with ServedExchange({"v2": recorder}) as served, HttpExchange(trust.context({}), Network()) as ask:
        with pytest.raises(Unavailable, match="more than 8 MiB at once"):
            await ask(Question("GET", f"{served.url}/v2"))


@pytest.mark.parametrize(
    ("status", "ready"), [(200, True), (302, True), (399, True), (401, False), (404, False), (503, False)]
)
async def test_a_front_end_is_ready_when_it_answers_without_an_error(status: int, *, ready: bool) -> None:
    async with ServedExchange({"s": Recorder(Answer(status))}) as front:
        port = int(front.url.rpartition(":")[2])
        settings = Settings(session_port=port, url_path="/s/a b%20c", probe="http")
        assert await readiness.is_ready(settings) is ready


async def test_a_tunnel_that_takes_connections_is_enough_for_tcp() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        settings = Settings(session_port=listening.getsockname()[1], probe="tcp")
        assert await readiness.is_ready(settings)
    assert not await readiness.is_ready(settings)


@pytest.mark.parametrize(
    ("written", "asked"),
    [("/s/x", "/s/x"), ("s", "/s"), ("/a b", "/a%20b"), ("/a%2Fb//c", "/a%2Fb//c"), ("/ü?q=1", "/%C3%BC?q=1")],
)
def test_a_path_is_asked_for_as_it_is_written(written: str, asked: str) -> None:
    assert readiness.target(Settings(session_port=80, url_path=written)) == asked


async def test_the_kubelet_and_whoever_is_in_the_pod_get_their_answers() -> None:
    standing = [Standing().deaf("FirecREST answers 503.", 0.0)]
    settings = Settings(server_port=free_port(), probe="tcp", session_port=free_port())
    async with Server(settings, lambda: standing[0], SystemClock()), aiohttp.ClientSession() as session:

        async def get(path: str) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{settings.server_port}{path}") as answer:
                return answer.status, await answer.text()

        assert await get("/live") == (200, "")
        assert await get("/ready") == (503, "")
        status, text = await get("/status")
        assert status == 503
        assert '"status": "NotReady", "error": "FirecREST answers 503."' in text
        assert (await get("/other"))[0] == 404
        status, text = await get("/remote_status")
        assert (status, json.loads(text)["error"]) == (200, "FirecREST answers 503.")
        assert await asyncio.gather(*(get("/live") for _ in range(50))) == [(200, "")] * 50


async def test_a_look_at_a_silent_front_end_ends_when_the_kubelet_hangs_up() -> None:
    """It asks each second and waits for one, the look would last five: they would pile up in the tunnel."""
    came, left = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        left.set()
        writer.close()

    front = await asyncio.start_server(silent, "127.0.0.1", 0)
    settings = Settings(server_port=free_port(), probe="http", session_port=front.sockets[0].getsockname()[1])
    async with front, Server(settings, Standing, SystemClock()):
        _, kubelet = await asyncio.open_connection("127.0.0.1", settings.server_port)
        kubelet.write(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(came.wait(), 3)
        kubelet.close()
        await asyncio.wait_for(left.wait(), 3)


async def test_at_the_operators_port_there_is_nothing_but_how_the_job_is() -> None:
    settings = Settings(server_port=free_port(), status_port=free_port())
    async with Server(settings, Standing, SystemClock()), aiohttp.ClientSession() as session:
        found = {}
        for path in ("/remote_status", "/", "/live", "/ready", "/status", "/request_stats"):
            async with session.get(f"http://127.0.0.1:{settings.status_port}{path}") as answer:
                found[path] = answer.status
    assert found == {**dict.fromkeys(found, 404), "/remote_status": 200}


async def test_a_program_on_the_operators_port_does_not_keep_a_job_from_being_submitted() -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        settings = Settings(server_port=free_port(), status_port=other.getsockname()[1])
        live = f"http://127.0.0.1:{settings.server_port}/live"
        async with (
            Server(settings, Standing, SystemClock()),
            aiohttp.ClientSession() as session,
            session.get(live) as answer,
        ):
            assert answer.status == 200
