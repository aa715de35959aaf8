"""An issuer, a session that shows what reaches it, and doors that are closed again after each test."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from amalthea.testing.builders import SessionBuilder
from lab.base.progress import Progress
from lab.programs import binaries
from tests.sidecars.oauth2_proxy import door
from tests.sidecars.oauth2_proxy.door import Door
from tests.support.issuer import Issuer

HERE = Path(__file__).parent


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build oauth2-proxy before the first test starts, unless the tests are only listed."""
    if any(HERE in item.path.parents for item in session.items) and not session.config.option.collectonly:
        binaries.build(["doors"], Progress())


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """A provider with one user of each kind."""
    made = Issuer()
    for name in ("ada", "mallory"):
        made.user(name)
    made.user("unverified", verified=False)
    yield made
    made.close()


@pytest.fixture
def provider(issuer: Issuer) -> dict[str, str]:
    """The user's secret: Ada may come in, and somebody who says so without proof may not."""
    return {
        "OIDC_CLIENT_ID": "amalthea",
        "OIDC_CLIENT_SECRET": "of no importance",
        "OIDC_ISSUER_URL": issuer.url,
        "AUTHORIZED_EMAILS": "ada@example.org\nunverified@example.org\n",
        "ALLOW_UNVERIFIED_EMAILS": "false",
    }


@pytest.fixture
def session_port() -> Iterator[int]:
    """The port of a session that answers with the path and the headers that reached it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Session)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


class _Session(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if "?wait=" in self.path:
            time.sleep(float(self.path.rpartition("=")[2]))
        body = json.dumps({"path": self.path, "headers": dict(self.headers.items())}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def start(tmp_path: Path, session_port: int) -> Iterator[Callable[[SessionBuilder, Mapping[str, str]], Door]]:
    """Starts the door of a session whose user gave a secret."""
    started: list[Door] = []

    def begin(builder: SessionBuilder, users_secret: Mapping[str, str]) -> Door:
        started.append(door.start(builder.subject(), users_secret, session_port, tmp_path))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.process.communicate()
