"""An answer that holds the credential of its request must not show it to the session, in whatever way it is written."""

import base64
import json

import pytest

from amalthea.sidecars.gitproxy.rules import echo
from amalthea.sidecars.http.http1 import read_request, read_response

TOKEN = "to/ken+1?"
BASIC = echo.credentials(TOKEN)
ENCODED = BASIC.removeprefix("Basic ")
BATCH = "/lab/data.git/info/lfs/objects/batch"


def batch(**header: str) -> bytes:
    action = {"href": "https://h/lab/data.git/info/lfs/objects/1", "header": header, "expires_in": 60}
    return json.dumps({"objects": [{"oid": "1", "size": 2**60, "actions": {"download": action}}]}).encode()


def test_the_credential_is_what_git_would_send() -> None:
    assert base64.b64decode(ENCODED).decode() == f"oauth2:{TOKEN}"


@pytest.mark.parametrize("copy", [BASIC, f"Bearer {TOKEN}", f"token {TOKEN}", ENCODED])
def test_a_copy_for_git_lfs_is_removed_and_all_else_stays(copy: str) -> None:
    cleaned = echo.cleaned(batch(Authorization=copy, Accept="x"), TOKEN)
    assert json.loads(cleaned) == json.loads(batch(Accept="x"))


def test_a_copy_with_escapes_is_removed() -> None:
    body = batch(Authorization=f"Bearer {TOKEN}").replace(b"to/ken", rb"\u0074o\/ken")
    assert json.loads(echo.cleaned(body, TOKEN)) == json.loads(batch())


def test_all_copies_of_an_answer_are_removed() -> None:
    body = b"[%s, %s]" % (batch(Authorization=BASIC), batch(A=BASIC, B=TOKEN))
    assert json.loads(echo.cleaned(body, TOKEN)) == [json.loads(batch())] * 2


@pytest.mark.parametrize(
    "body", [batch(Authorization="Basic of-the-server"), b'{"a":  1.10}', b"", b"<html>", b"\xff\xfe", b'{"a": "\\u00']
)
def test_a_body_without_the_credential_is_not_touched(body: bytes) -> None:
    assert echo.cleaned(body, TOKEN) is body


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(TOKEN).encode(),
        json.dumps({"href": f"https://oauth2:{TOKEN}@h/"}).encode(),
        json.dumps({"href": "https://oauth2:to%2Fken%2b1%3F@h/"}).encode(),
        json.dumps({TOKEN: 1}).encode(),
        json.dumps({"headers": {"Authorization": BASIC}}).encode(),
        json.dumps({"header": {"Authorization": [BASIC]}}).encode(),
        rb'{"a": "\u0074o\/ken+1?"}',
        b'{"header": {"a": "%s", "a": "x"}}' % BASIC.encode(),
        b"<html>" + BASIC.encode(),
        b"[" * 100_000,
    ],
    ids=["text", "URL", "escaped URL", "name", "echo", "list", "escapes", "twice", "no JSON", "deep"],
)
def test_the_credential_anywhere_else_has_the_answer_refused(body: bytes) -> None:
    with pytest.raises(echo.SentBack) as refused:
        echo.cleaned(body, TOKEN)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("value", [BASIC, TOKEN, f"https://h/?t={TOKEN}", "to%2Fken%2B1%3F"])
def test_a_head_with_the_credential_is_refused(value: str) -> None:
    with pytest.raises(echo.SentBack):
        echo.check_fields((("X-Echo", value),), TOKEN)


def test_a_head_of_a_request_without_a_token_may_hold_anything() -> None:
    echo.check_fields((("X-Echo", BASIC),), "")


@pytest.mark.parametrize(
    ("target", "field", "searched"),
    [
        (BATCH, "Content-Type: application/vnd.git-lfs+json", True),
        (BATCH, "Content-Type: text/plain", True),
        (BATCH + "?x", "X: y", True),
        (BATCH.replace("batch", "%62atch"), "X: y", True),
        ("/lab/data/x", "Content-Type: Application/JSON; charset=utf-8", True),
        ("/lab/data/info/refs", "Content-Type: application/x-git-upload-pack-advertisement", False),
        ("/lab/data/git-upload-pack", "Content-Type: application/x-git-upload-pack-result", False),
        ("/lab/data/info/lfs/objects/1", "Content-Type: application/octet-stream", False),
        (BATCH, "Content-Length: 0", False),
    ],
)
def test_json_and_batches_are_searched_and_packs_are_not(target: str, field: str, searched: bool) -> None:
    request = read_request(f"POST {target} HTTP/1.1\r\n\r\n".encode())
    response = read_response(f"HTTP/1.1 200 OK\r\n{field}\r\n\r\n".encode(), "POST")
    assert echo.is_searched(request, response) is searched


@pytest.mark.parametrize(
    "head", ["200 OK\r\nContent-Encoding: gzip", "200 OK\r\nContent-Encoding: identity, br", "206 Partial Content"]
)
def test_a_body_that_cannot_be_searched_is_refused(head: str) -> None:
    with pytest.raises(echo.SentBack, match="cannot be searched"):
        echo.check_form(read_response(f"HTTP/1.1 {head}\r\n\r\n".encode(), "POST"))
