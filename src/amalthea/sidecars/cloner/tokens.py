"""Asks for the token of a git provider, in the name of the session's user."""

import json
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from amalthea.sidecars import trust

_SECONDS = 30.0


class _SameHost(HTTPRedirectHandler):
    """Follows redirects, and hands the user's token on to the same host only, never from https to http."""

    def redirect_request(
        self, request: Request, answer: IO[bytes], code: int, message: str, headers: HTTPMessage, address: str
    ) -> Request | None:
        following = super().redirect_request(request, answer, code, message, headers, address)
        old, new = urlsplit(request.full_url), urlsplit(address)
        if following is not None and (old.hostname != new.hostname or (old.scheme, new.scheme) == ("https", "http")):
            following.remove_header("Authorization")
        return following


def fetch(address: str, renku_token: str, environment: Mapping[str, str]) -> str | None:
    """Return the provider's token; None where there is none to be had, for whatever reason."""
    headers = {"Authorization": f"Bearer {renku_token}", "Accept": "application/json"}
    try:
        request = Request(address, headers=headers)  # noqa: S310  (variables.py lets http and https through)
        https = HTTPSHandler(context=trust.context(environment))
        with build_opener(https, _SameHost).open(request, timeout=_SECONDS) as answer:
            token = json.load(answer)["access_token"]
    except (OSError, HTTPException, ValueError, LookupError, TypeError, RecursionError):
        return None
    return token if isinstance(token, str) and token and token.isprintable() else None
