"""Asks for the token of a git provider, in the name of the session's user."""

import json
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from amalthea.sidecars.http import origins, trust

_SECONDS = 30.0


class _SameOrigin(HTTPRedirectHandler):
    """Follows redirects by the rule in `origins.py`."""

    def redirect_request(
        self, request: Request, answer: IO[bytes], code: int, message: str, headers: HTTPMessage, address: str
    ) -> Request | None:
        if not origins.same_origin(request.full_url, address):
            raise HTTPError(request.full_url, code, "redirected to another server", headers, answer)
        return super().redirect_request(request, answer, code, message, headers, address)


def fetch(address: str, renku_token: str, environment: Mapping[str, str]) -> str | None:
    """Return the provider's token; None where none is available, for whatever reason."""
    headers = {"Authorization": f"Bearer {renku_token}", "Accept": "application/json"}
    try:
        request = Request(address, headers=headers)  # noqa: S310  (variables.py lets http and https through)
        https = HTTPSHandler(context=trust.context(environment))
        with build_opener(https, _SameOrigin).open(request, timeout=_SECONDS) as answer:
            token = json.load(answer)["access_token"]
    except (OSError, HTTPException, ValueError, LookupError, TypeError, RecursionError):
        return None
    return token if isinstance(token, str) and token and token.isprintable() else None
