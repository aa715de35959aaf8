"""An admission webhook that is asked before each child that the operator writes, and fails now and then."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

from aiohttp import web

from bench.world import NAMESPACE, USER
from lab.base import ports
from lab.control_plane.control_plane import ControlPlane

NAME = "chaos.example.org"
_LIMIT = 1
"""Seconds after which the API server waits for it no longer."""
_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_CHILDREN = (
    ("", "v1", ["services", "secrets", "persistentvolumeclaims"]),
    ("apps", "v1", ["statefulsets"]),
    ("networking.k8s.io", "v1", ["ingresses"]),
)


class Mood(StrEnum):
    """The webhook's answers to a request."""

    ADMITS = "admits all"
    FAILS = "answers 500"
    HANGS = "does not answer"


class Webhook:
    """The server, and its present mode of answering."""

    def __init__(self) -> None:
        self.mood = Mood.ADMITS
        self.failed = 0
        """The number of questions that it has not answered."""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a question of the API server."""
        asked: dict[str, Any] = (await request.json())["request"]
        if self.mood is not Mood.ADMITS:
            self.failed += 1
        if self.mood is Mood.HANGS:
            await asyncio.sleep(_LIMIT * 3)
        if self.mood is Mood.FAILS:
            raise web.HTTPInternalServerError
        response = {"uid": asked["uid"], "allowed": True}
        return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})


@asynccontextmanager
async def serving(control_plane: ControlPlane) -> AsyncIterator[Webhook]:
    """Serve a webhook on 127.0.0.1, have the cluster ask it, and put an end to both."""
    webhook, (port,) = Webhook(), ports.reserve(1)
    pair = control_plane.authority.server("webhook", ["127.0.0.1"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    app = web.Application()
    app.router.add_post("/", webhook.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        authority = control_plane.authority.pair.certificate.read_bytes()
        await asyncio.to_thread(control_plane.api.post, _CONFIGURATIONS, _configuration(port, authority))
        yield webhook
        await asyncio.to_thread(control_plane.api.delete, f"{_CONFIGURATIONS}/{NAME}")
    finally:
        await runner.cleanup()
        ports.release([port])


def _configuration(port: int, authority: bytes) -> dict[str, Any]:
    rules = [
        {"apiGroups": [group], "apiVersions": [version], "resources": resources, "operations": ["CREATE", "UPDATE"]}
        for group, version, resources in _CHILDREN
    ]
    webhook = {
        "name": NAME,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": _LIMIT,
        "failurePolicy": "Fail",
        "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": base64.b64encode(authority).decode()},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "matchConditions": [{"name": "operator", "expression": f"request.userInfo.username == '{USER}'"}],
        "rules": rules,
    }
    return {"metadata": {"name": NAME}, "webhooks": [webhook]}
