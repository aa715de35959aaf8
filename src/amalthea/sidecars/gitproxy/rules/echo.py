"""Keeps the credential of a request out of its answer: the session must not read it there. Pure.

Gitea and Forgejo copy the request's `Authorization` into each action of an LFS batch answer, and GitLab does in some
cases, so that git-lfs sends it with the file. git-lfs asks through this proxy, which adds the token anyway.
Such a copy is removed. Any other place in a head or in JSON that holds the credential has the answer refused.
"""

import base64
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import msgspec

from amalthea.sidecars.http.http1 import Fields, Request, Response

MOST = 1024 * 1024
"""The largest body, in bytes, that is read as a whole. A batch has 100 files, of a few kilobytes at most."""
_BATCH = "/info/lfs/objects/batch"


class SentBack(Exception):  # noqa: N818  (named by what happened)
    """An answer that holds the credential, or cannot be searched for it. The message holds no part of the answer."""


def credentials(token: str) -> str:
    """Return the value of `Authorization` that a token is sent as."""
    return f"Basic {_encoded(token)}"


def check_fields(fields: Fields, token: str) -> None:
    """Raise SentBack where a field of an answer holds the token that was sent."""
    if token and any(_holds(value, token) for _, value in fields):
        raise SentBack("sent your token back in a header field")


def is_searched(request: Request, response: Response) -> bool:
    """Return whether an answer's body has to be searched: if it is JSON, or of an LFS batch; not packs and files."""
    if response.framing == 0:
        return False
    types = [value.partition(";")[0].strip().lower() for value in response.values("content-type")]
    return any(each.endswith("json") for each in types) or unquote(request.target.partition("?")[0]).endswith(_BATCH)


def check_form(response: Response) -> None:
    """Raise SentBack where a body cannot be searched: a part of one, or one with a coding that was not asked for."""
    codings = [value.strip().lower() for value in response.values("content-encoding")]
    if response.status == 206 or any(coding not in ("", "identity") for coding in codings):
        raise SentBack("sent an answer that cannot be searched for your token")


def cleaned(body: bytes, token: str) -> bytes:
    """Return a body without the header fields of LFS actions that hold the token; as it is where there are none.

    Raises:
        SentBack: the token is elsewhere in it.
    """
    try:
        value = msgspec.json.decode(body)
        if _clean(value, token):
            body = msgspec.json.encode(value)
    except RecursionError:
        raise SentBack("sent an answer that cannot be searched for your token") from None
    except (msgspec.MsgspecError, UnicodeError):
        pass  # not JSON, although it may say so: an error page, for instance
    if _holds(body.decode("latin-1"), token):
        raise SentBack("sent your token back")
    return body


def with_length(response: Response, length: int) -> Response:
    """Return the head for a body of so many bytes."""
    framing = ("content-length", "transfer-encoding")
    kept = tuple(field for field in response.fields if field[0].lower() not in framing)
    return replace(response, fields=(*kept, ("Content-Length", str(length))), framing=length)


def _clean(value: Any, token: str) -> int:  # noqa: ANN401  (any JSON)
    """Remove fields that hold the token from each `header` within; return how many there were."""
    if isinstance(value, str):
        if _holds(value, token):
            raise SentBack("sent your token back")
        return 0
    if isinstance(value, list):
        return sum(_clean(each, token) for each in value)
    if not isinstance(value, dict):
        return 0
    header = value.get("header")
    found = []
    if isinstance(header, dict):
        found = [name for name, text in header.items() if isinstance(text, str) and _holds(text, token)]
        for name in found:
            del header[name]
    return len(found) + sum(_clean(each, token) for pair in value.items() for each in pair)


def _holds(text: str, token: str) -> bool:
    return any(secret in form for secret in (token, _encoded(token)) for form in (text, unquote(text)))


def _encoded(token: str) -> str:
    return base64.b64encode(f"oauth2:{token}".encode()).decode()
