"""HAProxy's configuration for a session's door: pure text, for HAProxy 3.0 and later.

Two ports: the door, with three ways to the session behind it (pages for people, the rest, WebSockets), and the one
where the operator asks. Order matters: admission, health, the key, then all else. What browsers send is never quoted
into it.
"""

import binascii
from typing import NamedTuple

from amalthea.sidecars.authproxy import access, connection_limits, pages, work
from amalthea.sidecars.authproxy.settings import Settings

_BUFFER = 24576
"""Bytes: a request's head must fit in, and cookies alone may have 16 KiB."""
_BUFFERS = 200
"""The largest number of buffers: with all in use, HAProxy stays within 16 MiB. A connection at rest has none."""
_SOCKET_BUFFERS = {"rcvbuf.client": 65536, "sndbuf.client": 131072, "rcvbuf.server": 131072, "sndbuf.server": 131072}
"""Bytes: control groups of version 2 count what the kernel keeps, and it would keep 4 MiB of a transfer that stalls.
The smallest is the one that strangers can fill."""
_KEPT_ALIVE = "650s"
"""Load balancers keep idle connections for up to 600 s (Google Cloud's), and must be the first to close them: a request
that meets a closing connection fails."""
_REMOTE_STATUS = "/remote_status"
"""The path for a remote session's job state, on its controller's own port as well. It is served at the port of the
operator alone: at the session's own door this is a path like any other.
"""
_START = {"page": f"{pages.HTML} {pages.SHOWN_ANYWHERE}", "message": pages.JSON}
_ANSWERS = {
    (cause, kind): render(text)
    for cause, text in (("waiting", pages.NO_ANSWER), ("unreadable", pages.UNREADABLE))
    for kind, render in (("page", pages.page), ("message", pages.message))
}
"""The answers where the session gives none that can be passed on."""
_TIME = "utime(%Y-%m-%dT%H:%M:%SZ)"


class Place(NamedTuple):
    """The launcher's environment: addresses to bind, the log's file number, the path of `work.lua`."""

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
        *(_section(*table) for table in connection_limits.TABLES),
        *_ways(settings),
        _meta(settings, place.meta),
        *([_controller(settings.controller)] if settings.controller else []),
        # Last, so that HAProxy says what it does not take of all before; from then on it would tell of starts and ends.
        _section("global", "quiet"),
    )
    return "\n".join(sections)


def _section(head: str, *lines: str) -> str:
    return "\n".join((head, *(f"    {line}" for line in lines), ""))


def _global(settings: Settings, lua: str) -> str:
    token = _base64(settings.token)
    return _section(
        "global",
        "nbthread 1",
        "noreuseport",  # a program with the same UID could listen on the same ports, and get some of the requests
        f"maxconn {connection_limits.MOST + connection_limits.MOST_META}",
        f"hard-stop-after {settings.stop_within}s",
        f"tune.bufsize {_BUFFER}",
        f"tune.buffers.limit {_BUFFERS}",
        "tune.http.maxhdr 256",
        "tune.stick-counters 7",
        *(f"tune.{name} {size}" for name, size in _SOCKET_BUFFERS.items()),
        *(f"set-var proc.{cause}_{kind} str({_base64(text)}),b64dec" for (cause, kind), text in _ANSWERS.items()),
        *([f"set-var proc.token str({token}),b64dec"] if token else []),
        "set-var proc.last_request date()",
        "set-var proc.last_work date()",
        f"lua-load {lua}",
    )


def _base64(text: str) -> str:
    return binascii.b2a_base64(text.encode(), newline=False).decode()


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
        f"timeout http-request {connection_limits.PATIENCE}",
        f"timeout http-keep-alive {_KEPT_ALIVE}",
        f"timeout client {connection_limits.PATIENCE}",
        "timeout server 1d",
        "timeout tunnel 7d",
    )


def _door(settings: Settings, place: Place) -> str:
    return _section(
        "frontend door",
        *(f"bind {address}" for address in place.door),
        *connection_limits.door(from_within=settings.from_within),
        "option contstats",
        *_logging(place.log, verbose=settings.verbose),
        *_health(),
        *_kind(),
        *access.rules(settings),
        *connection_limits.let_in(),
        *_headers(),
        *(_stripping(settings.strip_path_prefix) if settings.strip_path_prefix is not None else []),
        *work.rules(),
        "use_backend websockets if { req.hdr(upgrade) -i websocket }",
        "use_backend pages if navigation",
        "default_backend session",
    )


def _logging(log: int, *, verbose: bool) -> list[str]:
    """Log requests whose answers cannot be read, or all: without their queries, which hold keys.

    `work.lua` raises the level of the former.
    """
    place = f"log fd@{log} format raw daemon"
    if verbose:
        return [place, "log-format '%HM %HPO %ST %B bytes %Ta ms'"]
    said = "the answer of the session cannot be read: it is not valid HTTP, or its header is too long"
    return [f"{place} err", f"log-format '%HM %HPO %ST: {said}'", "http-request set-log-level silent"]


def _health() -> list[str]:
    answer = f"""status 200 {pages.JSON} {pages.LAST} string '{{"message": "up"}}'"""
    return [f"http-request return {answer} if {{ path /__amalthea__/health }} {{ method GET HEAD }}"]


def _kind() -> list[str]:
    """Distinguish people's navigations from programs' requests; older browsers do not send Sec-Fetch-Mode."""
    older = "!{ req.hdr(sec-fetch-mode) -m found } { method GET } { req.hdr(accept) -m sub text/html }"
    return [
        "http-request set-var(txn.navigation) bool(true) if { req.hdr(sec-fetch-mode) -m str navigate }",
        f"http-request set-var(txn.navigation) bool(true) if {older}",
        "acl navigation var(txn.navigation) -m bool",
    ]


def _headers() -> list[str]:
    """Pass on to the session who asks. What an ingress in front has set is kept."""
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
        f"http-request replace-path '^{access.literal(prefix)}(/.*)$' '\\1'",
        f"http-request replace-path '^{access.literal(prefix)}$' '/'",
    ]
    return [*(cut if prefix else []), "http-request del-header Forwarded"]


def _ways(settings: Settings) -> list[str]:
    server = f"server session {settings.remote}"
    # Where a browser has closed, do not wait for the session to close too: some programs never do. HAProxy 3.0 has no
    # time limit for that (`timeout server-fin` is for TCP there).
    leave = "option nolinger"
    websockets = (
        "stick-table type string len 36 size 1k expire 2m store bytes_in_rate(60s)",
        "http-response track-sc2 uuid if { status 101 }",
    )
    return [
        _section("backend pages", *_unanswered("page"), leave, server),
        _section("backend session", *_unanswered("message"), leave, server),
        _section("backend websockets", *_unanswered("message"), *websockets, leave, server),
    ]


def _unanswered(kind: str) -> list[str]:
    """Answer alike for no connection (503), no answer (502) and none in time (504).

    An answer that cannot be read is 502, too: `work.lua` shows which it is. `kind` is `page` or `message`.
    """
    start, told = _START[kind], _ANSWERS["waiting", kind]
    same = [f"http-error status {status} {start} string '{told}' {pages.LATER}" for status in (503, 504)]
    return [f"http-error status 502 {start} lf-string '%[lua.no_answer({kind})]' {pages.LATER}", *same]


def _meta(settings: Settings, addresses: tuple[str, ...]) -> str:
    values = {
        "version": "1",
        "websocket_bytes_in": "%[lua.websocket_bytes_in]",  # before the time of work, which it brings up to date
        "last_request_time": f'"%[var(proc.last_request),{_TIME}]"',
        "last_work_time": f'"%[lua.last_work,{_TIME}]"',
        "time": f'"%[date,{_TIME}]"',  # the node's own, which may be wrong: what counts is how long ago the others are
        "open_connections": "%[fe_conn(door)]",
        "open_websockets": "%[be_conn(websockets)]",
    }
    body = ", ".join(f'"{name}": {value}' for name, value in values.items())
    start = f"{pages.JSON} {pages.LAST}"
    others = f" unless {{ path {_REMOTE_STATUS} }} {{ method GET }}" if settings.controller else ""
    return _section(
        "frontend meta",
        *(f"bind {address}" for address in addresses),
        *connection_limits.meta(),
        f"http-request return status 200 {start} lf-string '{{{body}}}' if {{ path /request_stats }} {{ method GET }}",
        f"""http-request return status 404 {start} string '{{"message": "Ask for /request_stats."}}'{others}""",
        *(["option httpclose", "default_backend controller"] if settings.controller else []),
    )


def _controller(address: str) -> str:
    """Pass the operator's question on to the controller of a remote session, which may be down or hang."""
    times = ("timeout connect 1s", "timeout queue 1s", "timeout server 2s")
    return _section("backend controller", *times, f"server controller {address} maxconn 4")
