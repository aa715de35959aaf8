"""Metrics over TLS, only for clients that may read them: `--metrics-secure`, as the Kubernetes components do it.

A TokenReview identifies the client; a SubjectAccessReview decides whether it may `get` the path.
"""

import logging
import ssl
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from amalthea.kube.client import Client
from amalthea.kube.resource import Resource
from amalthea.operator.telemetry.scrape_limit import ScrapeLimit

TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False)
REVIEWS, WAITING = 4, 16
"""Readers who are looked into at once, and those who may wait: each takes a connection from users' sessions."""
_LIFETIME = timedelta(days=3650)
_log = logging.getLogger(__name__)


class _User(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}


class _ReviewStatus(msgspec.Struct):
    authenticated: bool = False
    allowed: bool = False
    user: _User = msgspec.field(default_factory=_User)


class _Review(msgspec.Struct):
    status: _ReviewStatus = msgspec.field(default_factory=_ReviewStatus)


def guarded(app: web.Application, client: Client) -> web.Application:
    """Admit only clients that may `get` the path by the cluster's own rules."""
    limit = ScrapeLimit(REVIEWS, WAITING)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise web.HTTPUnauthorized(text="a bearer token is needed")
        async with limit.one():
            user = await _who(client, token.strip())
            if user is None:
                raise web.HTTPUnauthorized(text="the token is not accepted")
            if not await _may(client, user, request.path):
                raise web.HTTPForbidden(text=f"{user.username} may not get {request.path}")
        return await handler(request)

    app.middlewares.append(check)
    return app


async def _who(client: Client, token: str) -> _User | None:
    body = {"apiVersion": TOKEN_REVIEWS.api_version, "kind": TOKEN_REVIEWS.kind, "spec": {"token": token}}
    review = await client.create(TOKEN_REVIEWS, "", body, _Review)
    return review.status.user if review.status.authenticated else None


async def _may(client: Client, user: _User, path: str) -> bool:
    spec = {
        "user": user.username,
        "uid": user.uid,
        "groups": user.groups,
        "extra": user.extra,
        "nonResourceAttributes": {"path": path, "verb": "get"},
    }
    body = {"apiVersion": ACCESS_REVIEWS.api_version, "kind": ACCESS_REVIEWS.kind, "spec": spec}
    review = await client.create(ACCESS_REVIEWS, "", body, _Review)
    return review.status.allowed


def server_tls(folder: Path | None, now: datetime) -> ssl.SSLContext:
    """Return the server's side of TLS, from `tls.crt` and `tls.key` in a folder, else from a certificate made now.

    Raises:
        OSError, ssl.SSLError: the folder's files cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if folder is not None:
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        context.sni_callback = _Renewal(context, folder)
        return context
    with tempfile.NamedTemporaryFile("wb") as file:  # 0600, and gone at once: the key is needed in a file to be loaded
        file.write(_self_made(now))
        file.flush()
        context.load_cert_chain(file.name)
    return context


class _Renewal:
    """Loads a certificate that was renewed, as cert-manager does; it counts from the next connection on.

    Python calls it in each handshake, also where the client names no server.
    """

    def __init__(self, context: ssl.SSLContext, folder: Path) -> None:
        self._context = context
        self._folder = folder
        self._loaded = self._version()

    def __call__(self, *_: object) -> None:
        try:
            found = self._version()
            if found != self._loaded:
                pair = (self._folder / "tls.crt", self._folder / "tls.key")
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*pair)  # fails before ours is changed
                self._context.load_cert_chain(*pair)
                self._loaded = found
        except OSError as error:  # ssl.SSLError is one, too: the files may be half written, or do not fit
            _log.warning("a renewed certificate for the metrics cannot be used", extra={"error": str(error)})

    def _version(self) -> list[int]:
        return [(self._folder / name).stat().st_mtime_ns for name in ("tls.crt", "tls.key")]


def _self_made(now: datetime) -> bytes:
    from cryptography import x509  # noqa: PLC0415  (an extra that only this needs)
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "amalthea-metrics")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + certificate.public_bytes(pem)
