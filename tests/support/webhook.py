"""An admission webhook that a test gives moods: a real HTTPS server, which a real API server has to ask."""

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from lab.base.pki import Authority
from lab.control_plane.api import Api
from tests.support.processes import free_port
from tests.support.world import World

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
TIMEOUT = 2
"""Seconds that the API server waits for an answer."""

MOODS = ("denies with 400", "denies with 403", "denies with 404", "fails", "hangs", "is away")
_CODES = {"denies with 400": 400, "denies with 403": 403, "denies with 404": 404}


class Webhook:
    """A server on loopback, in a mood or (None) content with everything. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._authority = Authority(folder / "webhook")
        self._pair = self._authority.server("webhook", ["127.0.0.1"])
        self._port = free_port()
        self._over = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._configured: list[tuple[Api, str]] = []
        self.mood: str | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        for api, name in self._configured:
            api.delete(f"{CONFIGURATIONS}/{name}")
        self.be(None)
        self._close()

    def be(self, mood: str | None) -> None:
        """Change the mood; requests that wait for an answer get one."""
        self.mood = mood
        if mood == "is away":
            self._close()
        elif self._server is None:
            self._listen()
        if mood is None:
            self._over.set()

    def judge(self, world: World, name: str, rule: dict[str, Any], label: str = "") -> None:
        """Have the API server ask about requests in a namespace; where given, of objects that are so labelled only."""
        hook: dict[str, Any] = {
            "name": f"{name}.test.amalthea.dev",
            "clientConfig": {
                "url": f"https://127.0.0.1:{self._port}/{name}",
                "caBundle": base64.b64encode(self._authority.pair.certificate.read_bytes()).decode(),
            },
            "rules": [{"apiVersions": ["*"], **rule}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}},
            "objectSelector": {"matchLabels": {"webhook": label}} if label else {},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": TIMEOUT,
            "admissionReviewVersions": ["v1"],
        }
        configuration = f"{world.namespace}-{name}"
        world.api.post(CONFIGURATIONS, {"metadata": {"name": configuration}, "webhooks": [hook]})
        self._configured.append((world.api, configuration))

    def answer(self, review: dict[str, Any]) -> dict[str, Any] | None:
        """Return the response to a review; None for a failure."""
        if self.mood == "hangs":
            self._over.wait(10 * TIMEOUT)
        if self.mood == "fails":
            return None
        response: dict[str, Any] = {"uid": review["request"]["uid"], "allowed": self.mood not in _CODES}
        if self.mood in _CODES:
            response["status"] = {"code": _CODES[self.mood], "message": 'project "blue" not found today'}
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}

    def _listen(self) -> None:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = webhook.answer(review)
                self.send_response(200 if answer is not None else 500)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(answer or {}).encode())

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._pair.certificate, self._pair.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that has gone is none
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self._server = server

    def _close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
