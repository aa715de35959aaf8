"""HAProxy's configuration for a session's door: pure text, for HAProxy 2.6 and later.

Two ports: the door, with three ways to the session behind it (pages for people, the rest, WebSockets), and the one
where the operator asks. Order matters: health, then the key, then all else. What browsers send is never quoted into it.
"""

import binascii
from typing import NamedTuple

from amalthea.sidecars.authproxy import pages, sign_in, work
from amalthea.sidecars.authproxy.settings import Settings

MAX_CONNECTIONS = 250
"""Open connections that get an answer from the session; some more are taken, for the kubelet and the operator."""
_MAX_DOOR = MAX_CONNECTIONS + 50
_MAX_META = 50
"""Each port has its own: who holds all of one must not keep the other from answering."""
_BUFFER = 24576
"""Bytes: a request's head must fit in, and cookies alone may have 16 KiB."""
_BUFFERS = 200
"""How many there are at most: with all of them in use, HAProxy stays within 16 MiB. A connection at rest has none."""
_SOCKET_BUFFER = 131072
"""Bytes: control groups of version 2 count what the kernel keeps, and it would keep 4 MiB of a transfer that stalls."""
_HTML = "content-type 'text/html; charset=utf-8'"
_JSON = "content-type application/json"
_NOT_KEPT = "hdr Cache-Control no-store"
_LATER = f"{_NOT_KEPT} hdr Retry-After {pages.TRY_AGAIN}"
_TIME = "utime(%Y-%m-%dT%H:%M:%SZ)"


class Place(NamedTuple):
    """What the launcher has found where it runs: addresses to bind, the log's file number, the path of `work.lua`."""

    door: tuple[str, ...]
    meta: tuple[str, ...]
    log: int
    lua: str


def render(settings: Settings, place: Place) -> str:
    """Return the configuration. It holds the token: for a file that nobody else can read."""
    sections = (
        _global(settings, place.lua),
        _defaults(),
        _door(settings, place),
        *_ways(settings),
        _meta(place.meta),
        # Last, so that HAProxy says what it does not take of all before; from then on it would tell of starts and ends.
        _section("global", "quiet"),
    )
    return "\n".join(sections)


def _section(head: str, *lines: str) -> str:
    return "\n".join((head, *(f"    {line}" for line in lines), ""))


def _global(settings: Settings, lua: str) -> str:
    token = binascii.b2a_base64(settings.token.encode(), newline=False).decode()
    return _section(
        "global",
        "nbthread 1",
        f"maxconn {_MAX_DOOR + _MAX_META}",
        "hard-stop-after 25s",
        f"tune.bufsize {_BUFFER}",
        f"tune.buffers.limit {_BUFFERS}",
        "tune.http.maxhdr 256",
        *(f"tune.{way}.{end} {_SOCKET_BUFFER}" for way in ("rcvbuf", "sndbuf") for end in ("client", "server")),
        *([f"set-var proc.token str({token}),b64dec"] if token else []),
        "set-var proc.last_request date()",
        "set-var proc.last_work date()",
        f"lua-load {lua}",
    )


def _defaults() -> str:
    return _section(
        "defaults",
        "mode http",
        "option http-no-delay",
        "option abortonclose",
        "option clitcpka",
        "clitcpka-idle 60s",
        "clitcpka-intvl 30s",
        "clitcpka-cnt 4",
        "option disable-h2-upgrade",
        "retries 0",
        "timeout connect 10s",
        "timeout http-request 10s",
        "timeout http-keep-alive 2m",
        "timeout client 1d",
        "timeout server 1d",
        "timeout tunnel 7d",
    )


def _door(settings: Settings, place: Place) -> str:
    return _section(
        "frontend door",
        *(f"bind {address}" for address in place.door),
        f"maxconn {_MAX_DOOR}",
        "option contstats",
        *(_logging(place.log) if settings.verbose else []),
        *_health(),
        *_kind(),
        *(_refuse(403, pages.ANOTHER_WAY, "!{ src 127.0.0.0/8 ::1 }") if settings.from_within else []),
        *(_access(settings) if settings.token else []),
        f"acl too_many fe_conn gt {MAX_CONNECTIONS}",
        *_refuse(503, pages.TOO_MANY, "too_many", headers=_LATER),
        *_headers(),
        *(_stripping(settings.strip_path_prefix) if settings.strip_path_prefix is not None else []),
        *work.rules(),
        "use_backend websockets if { req.hdr(upgrade) -i websocket }",
        "use_backend pages if navigation",
        "default_backend session",
    )


def _logging(log: int) -> list[str]:
    """Log every request without its query, for programs put keys into it."""
    return [f"log fd@{log} format raw daemon", "log-format '%HM %HPO %ST %B bytes %Ta ms'"]


def _health() -> list[str]:
    answer = f"""status 200 {_JSON} {_NOT_KEPT} string '{{"message": "up"}}'"""
    return [f"http-request return {answer} if {{ path /__amalthea__/health }} {{ method GET HEAD }}"]


def _kind() -> list[str]:
    """Tell people's navigations from what programs ask; older browsers do not send Sec-Fetch-Mode."""
    older = "!{ req.hdr(sec-fetch-mode) -m found } { method GET } { req.hdr(accept) -m sub text/html }"
    return [
        "http-request set-var(txn.navigation) bool(true) if { req.hdr(sec-fetch-mode) -m str navigate }",
        f"http-request set-var(txn.navigation) bool(true) if {older}",
        "acl navigation var(txn.navigation) -m bool",
    ]


def _access(settings: Settings) -> list[str]:
    """Let in who has the key in the cookie, whichever of that name, or as a bearer token; then take it out."""
    name = _literal(settings.cookie_key)
    # Blanks may stand between words, and each fits in one way only: else a stranger's cookie costs its square.
    value = rf'\s*{name}=\"?([^;\"\s]*(?:\s+[^;\"\s]+)*)\"?\s*(?:;.*)?$","\1"),secure_memcmp(proc.token)'
    key = f'Cookie \'%[req.fhdr(cookie),regsub("(^|;)\\s*{name}=[^;]*","",g),regsub("^;\\s*","")]\''
    return [
        # By RFC 6265 there is one; who sends two wants them to be read differently here and behind.
        *_refuse(400, pages.TWO_COOKIES, "{ req.fhdr_cnt(cookie) gt 1 }"),
        f"acl cookie_given req.fhdr(cookie) -m reg '(^|;)\\s*{name}='",
        f"acl cookie_right 'req.fhdr(cookie),regsub(\"^(?:.*?;)??{value}'",
        f"acl cookie_right 'req.fhdr(cookie),regsub(\"^(?:.*;)?{value}'",
        r"acl bearer_given req.fhdr(authorization) -m reg -i '^bearer\s+\S'",
        r"""acl bearer_right 'req.fhdr(authorization),regsub("^bearer\s+","",i),secure_memcmp(proc.token)'""",
        "http-request set-var(txn.key) bool(true) if cookie_given cookie_right",
        "http-request set-var(txn.key) bool(true) if bearer_given bearer_right",
        "acl right_key var(txn.key) -m bool",
        *sign_in.rules(settings),
        *(_refuse(401, pages.ANOTHER_KEY, sign_in.SHOWN, form=True) if sign_in.offered(settings) else []),
        *_refuse(400, pages.NO_KEY, "!cookie_given !bearer_given", form=sign_in.offered(settings)),
        *_refuse(401, pages.WRONG_KEY, "!right_key", form=sign_in.offered(settings)),
        f"http-request set-header {key} if cookie_given",
        "http-request del-header Cookie if { req.fhdr(cookie) -m len 0 }",
        "http-request del-header Authorization if bearer_given bearer_right",
    ]


def _refuse(
    status: int, text: pages.Text, condition: str, *, headers: str = _NOT_KEPT, form: bool = False
) -> list[str]:
    page = pages.page(text, sign_in.FIELD if form else None)
    start = f"http-request return status {status} {headers}"
    return [
        f"{start} {_HTML} string '{page}' if {condition} navigation",
        f"{start} {_JSON} string '{pages.message(text)}' if {condition}",
    ]


def _headers() -> list[str]:
    """Tell the session who asks. What an ingress in front has told is kept."""
    return [
        "acl one_forwarded_for req.fhdr_cnt(x-forwarded-for) 1",
        r"http-request replace-header X-Forwarded-For ^(.*)$ '\1, %[src]' if one_forwarded_for",
        "http-request add-header X-Forwarded-For %[src] if !one_forwarded_for",
        "http-request set-header X-Real-IP %[src] if !{ req.fhdr(x-real-ip) -m found }",
        "http-request set-header X-Forwarded-Proto http if !{ req.fhdr(x-forwarded-proto) -m found }",
    ]


def _stripping(prefix: str) -> list[str]:
    """Cut the prefix from the path as it was sent. RStudio would put it in again from the header Forwarded."""
    cut = [
        f"http-request replace-path '^{_literal(prefix)}(/.*)$' '\\1'",
        f"http-request replace-path '^{_literal(prefix)}$' '/'",
    ]
    return [*(cut if prefix else []), "http-request del-header Forwarded"]


def _ways(settings: Settings) -> list[str]:
    page = f"{_HTML} string '{pages.page(pages.NO_ANSWER)}'"
    message = f"{_JSON} string '{pages.message(pages.NO_ANSWER)}'"
    server = f"server session {settings.remote}"
    # Where a browser has closed, do not wait for the session to close too: some programs never do. HAProxy 3.0 has no
    # time limit for that (`timeout server-fin` is for TCP there).
    leave = "option nolinger"
    websockets = (
        "stick-table type string len 36 size 1k expire 2m store bytes_in_rate(60s)",
        "http-response track-sc0 uuid if { status 101 }",
    )
    return [
        _section("backend pages", *_unanswered(page), leave, server),
        _section("backend session", *_unanswered(message), leave, server),
        _section("backend websockets", *_unanswered(message), *websockets, leave, server),
    ]


def _unanswered(body: str) -> list[str]:
    """Say it alike for whatever HAProxy has met: no connection, no answer (502), or none in time (504)."""
    return [f"http-error status {status} {body} {_LATER}" for status in (502, 503, 504)]


def _meta(addresses: tuple[str, ...]) -> str:
    values = {
        "version": "1",
        "websocket_bytes_in": "%[lua.websocket_bytes_in]",  # before the time of work, which it brings up to date
        "last_request_time": f'"%[var(proc.last_request),{_TIME}]"',
        "last_work_time": f'"%[lua.last_work,{_TIME}]"',
        "open_connections": "%[fe_conn(door)]",
        "open_websockets": "%[be_conn(websockets)]",
    }
    body = ", ".join(f'"{name}": {value}' for name, value in values.items())
    start = f"{_JSON} {_NOT_KEPT}"
    return _section(
        "frontend meta",
        *(f"bind {address}" for address in addresses),
        f"maxconn {_MAX_META}",
        "timeout client 10s",
        "timeout http-request 5s",
        "timeout http-keep-alive 5s",
        f"http-request return status 200 {start} lf-string '{{{body}}}' if {{ path /request_stats }} {{ method GET }}",
        f"""http-request return status 404 {start} string '{{"message": "Ask for /request_stats."}}'""",
    )


def _literal(text: str) -> str:
    """Return a regular expression for just this text, in characters that mean nothing to HAProxy's parser."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/"
    return "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in text.encode())
