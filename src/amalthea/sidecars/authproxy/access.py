"""Decides who is let in: holders of the session's key, or the pod's own programs behind oauth2-proxy. Pure text."""

from amalthea.sidecars.authproxy import pages, sign_in
from amalthea.sidecars.authproxy.settings import Settings


def rules(settings: Settings) -> list[str]:
    """Return the rules that refuse strangers and take the key out of the requests of others."""
    if settings.from_within:
        return refuse(403, pages.ANOTHER_WAY, "!from_within")
    return _key(settings) if settings.token else []


def _key(settings: Settings) -> list[str]:
    """Admit requests with the key in a cookie, whichever of that name, or as a bearer token; then take it out."""
    name = literal(settings.cookie_key)
    # Blanks may stand between words, and each fits in one way only: else a stranger's cookie costs its square.
    value = rf'\s*{name}=\"?([^;\"\s]*(?:\s+[^;\"\s]+)*)\"?\s*(?:;.*)?$","\1"),secure_memcmp(proc.token)'
    key = f'Cookie \'%[req.fhdr(cookie),regsub("(^|;)\\s*{name}=[^;]*","",g),regsub("^;\\s*","")]\''
    field = sign_in.field(settings)
    return [
        # Browsers split cookies over HTTP/2, and some proxies pass the parts on as lines of their own. Joined, they are
        # read alike here and behind.
        "http-request lua.join_cookies if { req.fhdr_cnt(cookie) gt 1 }",
        f"acl cookie_given req.fhdr(cookie) -m reg '(^|;)\\s*{name}='",
        f"acl cookie_right 'req.fhdr(cookie),regsub(\"^(?:.*?;)??{value}'",
        f"acl cookie_right 'req.fhdr(cookie),regsub(\"^(?:.*;)?{value}'",
        r"acl bearer_given req.fhdr(authorization) -m reg -i '^bearer\s+\S'",
        r"""acl bearer_right 'req.fhdr(authorization),regsub("^bearer\s+","",i),secure_memcmp(proc.token)'""",
        "http-request set-var(txn.key) bool(true) if cookie_given cookie_right",
        "http-request set-var(txn.key) bool(true) if bearer_given bearer_right",
        "acl right_key var(txn.key) -m bool",
        *sign_in.rules(settings),
        *(refuse(401, pages.ANOTHER_KEY, sign_in.SHOWN, field=field) if field else []),
        *refuse(400, pages.NO_KEY, "!cookie_given !bearer_given", field=field),
        *refuse(401, pages.WRONG_KEY, "!right_key", field=field),
        f"http-request set-header {key} if cookie_given",
        "http-request del-header Cookie if { req.fhdr(cookie) -m len 0 }",
        "http-request del-header Authorization if bearer_given bearer_right",
    ]


def refuse(
    status: int, text: pages.Text, condition: str, *, headers: str = pages.LAST, field: str | None = None
) -> list[str]:
    """Return the rules that answer with a page or its JSON and end the connection: a refused one keeps no slot."""
    start = f"http-request return status {status} {headers}"
    page = f"{pages.HTML} {pages.FRAMED_BY_ITSELF} string '{pages.page(text, field)}'"
    return [
        f"{start} {page} if {condition} navigation",
        f"{start} {pages.JSON} string '{pages.message(text)}' if {condition}",
    ]


def literal(text: str) -> str:
    """Return a regular expression for just this text, in characters that mean nothing to HAProxy's parser."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/"
    return "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in text.encode())
