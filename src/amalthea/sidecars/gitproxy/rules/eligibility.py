"""Decides which requests may carry a token at all, whatever repository they are for. Pure.

A request that may not is passed on without one, untouched: it can do no more than any other request of the session.
"""

from amalthea.sidecars.http.http1 import Request, known_as

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"))
"""Not TRACE, whose answer holds the request (RFC 9110, 9.3.8), nor anything that a server may treat like it."""
_REROUTING = (
    "forwarded",
    "x-forwarded",
    "x-original",
    "x-rewrite",
    "x-http-method",
    "x-method",
    "x-envoy",
    "x-accel",
    "x-host",
    "x-http-host",
    "x-proxy-url",
    "x-request-uri",
    "x-real-url",
    "x-real-path",
    "x-sendfile",
    "x-waws",
    "x-arr",
    "x-script-name",
    "x-path",
    "x-url",
    "x-uri",
    "x-backend",
    "x-upstream",
    "x-internal",
    "request-uri",
    "base-url",
    "destination",
)
"""The prefixes of fields that replace the path, the host or the method for some server or a proxy before it."""
_HARMLESS_OPTIONS = frozenset(("", "close", "keep-alive"))


def why_not(request: Request) -> str:
    """Return why a request gets no token, without any of its values; empty if it may have one."""
    if request.method not in METHODS:
        return "its method gets none"
    names = {known_as(name) for name, _ in request.fields}
    if any(name.startswith(_REROUTING) for name in names):
        return "a header field may reroute it"
    options = {option.strip().lower() for value in request.values("connection") for option in value.split(",")}
    if "upgrade" in names or not options <= _HARMLESS_OPTIONS:
        return "it asks to change the protocol, or to have header fields removed"
    return ""
