"""Signing in by hand: who has a session's key shows it in a form, where no site hands it to the browser as a cookie.

The answer is that cookie, for the session's own part of the host, and the page that was wanted.
"""

import re

from amalthea.sidecars.authproxy.settings import Settings

FIELD = "amalthea-key"
"""The form's field. It is posted to the page that was wanted, so that nothing else must be known of addresses."""
SHOWN = "!right_key form_sent form key_shown"
"""Condition, where a form is offered: somebody has shown a key in it, which is wrong if `rules` let it pass."""
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")
"""RFC 6265, cookie-octet: what else is in a key, no cookie can hold."""


def offered(settings: Settings) -> bool:
    """Tell whether people may show the key in a form: where it is known for which paths a cookie is good."""
    return settings.cookie_path is not None and _COOKIE_VALUE.fullmatch(settings.token) is not None


def rules(settings: Settings) -> list[str]:
    """Return the rules that hand over the cookie; before those that refuse who has no key."""
    if settings.cookie_path is None or not offered(settings):
        return []
    name, path = (text.replace("%", "%%").replace("'", r"'\''") for text in (settings.cookie_key, settings.cookie_path))
    cookie = f"{name}=%[var(proc.token)]; Path={path}; HttpOnly; SameSite=Strict"
    headers = (
        "hdr Cache-Control no-store",
        f"hdr Set-Cookie '{cookie}%[var(txn.only)]'",
        # With the dot, for a path may begin with two slashes, and would be taken for another host.
        "hdr Location '/.%[pathq]'",
    )
    return [
        "acl form_sent method POST",
        "acl form req.hdr(content-type) -m beg application/x-www-form-urlencoded",
        # Where TLS ends before the cluster, the ingress tells of http; a form's own page has told the browser.
        "acl https req.hdr(x-forwarded-proto) -i https",
        "acl https req.hdr(origin) -m beg -i https://",
        "http-request wait-for-body time 10s if !right_key form_sent form",
        f"acl key_shown req.body_param({FIELD}) -m found",
        f"acl shown_right 'req.body_param({FIELD}),url_dec(1),secure_memcmp(proc.token)'",
        'http-request set-var(txn.only) str("; Secure") if https',
        f"http-request return status 303 {' '.join(headers)} if {SHOWN} shown_right",
    ]
