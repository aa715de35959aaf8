"""A provider of OpenID Connect for tests, in a thread of the test: anybody who types a user's name is that user.

Discovery, keys, authorization code with nonce, RS256: as much as oauth2-proxy asks of Keycloak, GitLab or Dex. It is
as strict as those: a client or a redirect URI that it was not told of gets a page that says so, and no redirection.
"""

import base64
import html
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT = "amalthea"
CLIENT_SECRET = "of no importance"
LIFE = 300
"""Seconds for which an identity is good."""

_NOTICES_ITS_END = 0.02

Query = dict[str, str]


@dataclass
class Issuer:
    """One provider, at `url`. Its fields may be changed while it runs."""

    address: str = "127.0.0.1"
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Claims of each user, by the name that is typed into the form."""
    redirect_uris: set[str] = field(default_factory=set)
    """Where users may be sent back to."""
    claims: dict[str, Any] = field(default_factory=dict)
    """Claims that replace those of any user: what a broken or hostile provider says."""

    def __post_init__(self) -> None:
        self._codes: dict[str, tuple[str, Query]] = {}
        self._server = ThreadingHTTPServer((self.address, 0), type("Handler", (_Handler,), {"issuer": self}))
        self.url = f"http://{self.address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(_NOTICES_ITS_END,), daemon=True).start()

    def user(self, name: str, *, verified: bool = True) -> str:
        """Add a user and return the e-mail address."""
        email = f"{name}@example.org"
        self.users[name] = {"sub": name, "email": email, "email_verified": verified}
        return email

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def configuration(self) -> dict[str, Any]:
        """Return the discovery document."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self) -> dict[str, Any]:
        """Return the public key that identities are signed with."""
        numbers = _key().public_key().public_numbers()
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": _number(numbers.n), "e": _number(numbers.e)}
        return {"keys": [key]}

    def complaint(self, query: Query) -> str:
        """Return what is wrong with a request to log somebody in; empty if nothing is."""
        if query.get("client_id") != CLIENT:
            return f"no such client: {query.get('client_id')}"
        if query.get("redirect_uri") not in self.redirect_uris:
            return f"this redirect URI is not registered: {query.get('redirect_uri')}"
        return "" if "openid" in query.get("scope", "").split() else "the scope lacks openid"

    def code(self, name: str, query: Query) -> str:
        """Return a code, good for one identity of the user."""
        code = secrets.token_urlsafe()
        self._codes[code] = (name, query)
        return code

    def redeem(self, form: Query, client: tuple[str, str]) -> dict[str, Any] | None:
        """Return tokens for a code; None if the code is unknown, or was given to another client."""
        name, query = self._codes.pop(form.get("code", ""), ("", {}))
        if not name or client != (CLIENT, CLIENT_SECRET) or form.get("redirect_uri") != query["redirect_uri"]:
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + LIFE, "nonce": query.get("nonce")}
        token = self._signed({**claims, **self.users[name], **self.claims})
        return {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": LIFE, "id_token": token}

    def _signed(self, claims: dict[str, Any]) -> str:
        parts = ({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims)
        text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_base64(_key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class _Handler(BaseHTTPRequestHandler):
    issuer: Issuer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            self._answer(HTTPStatus.OK, json.dumps(self.issuer.configuration()))
        elif parts.path == "/keys":
            self._answer(HTTPStatus.OK, json.dumps(self.issuer.keys()))
        elif parts.path == "/authorize":
            self._authorize(dict(parse_qsl(parts.query)))
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        if self.path == "/token":
            tokens = self.issuer.redeem(form, self._client(form))
            self._answer(HTTPStatus.OK if tokens else HTTPStatus.BAD_REQUEST, json.dumps(tokens))
        else:
            name = form.pop("user", "")
            self._answer(HTTPStatus.SEE_OTHER, Location=f"/authorize?{urlencode(form)}", Set_Cookie=f"user={name}")

    def _authorize(self, query: Query) -> None:
        cookie = SimpleCookie(self.headers["Cookie"]).get("user")
        if complaint := self.issuer.complaint(query):
            self._answer(HTTPStatus.BAD_REQUEST, html.escape(complaint))
        elif cookie is None or cookie.value not in self.issuer.users:
            self._answer(HTTPStatus.OK, _form(query), Content_Type="text/html")
        else:
            answer = {"code": self.issuer.code(cookie.value, query), "state": query.get("state", "")}
            self._answer(HTTPStatus.FOUND, Location=f"{query['redirect_uri']}?{urlencode(answer)}")

    def _client(self, form: Query) -> tuple[str, str]:
        """Return who asks for tokens: by Basic authentication or by the form."""
        given = base64.b64decode((self.headers["Authorization"] or "").removeprefix("Basic ")).decode()
        if not given:
            return form.get("client_id", ""), form.get("client_secret", "")
        name, _, secret = given.partition(":")
        unquoted = dict(parse_qsl(f"name={name}&secret={secret}"))
        return unquoted["name"], unquoted["secret"]

    def _answer(self, status: HTTPStatus, body: str = "", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing: codes are secrets."""


def _form(query: Query) -> str:
    hidden = (f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in query.items())
    return f'<title>Log in</title><form method="post" action="/login"><input name="user">{"".join(hidden)}</form>'


def _number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
