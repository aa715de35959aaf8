"""Signing in by hand: a form for the session's key, where no site hands it to the browser as a cookie.

The answer sets that cookie, for the session's own part of the host, and shows the requested page.
"""

import hashlib
import re

from amalthea.sidecars.authproxy import pages
from amalthea.sidecars.authproxy.settings import Settings

SHOWN = "!right_key form_sent form key_shown"
"""Condition, where a form is offered: somebody has shown a key in it, which is wrong if `rules` let it pass."""
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")
"""RFC 6265, cookie-octet: what else is in a key, no cookie can hold."""
_UNHURRIED = 10
"""Forms of one source at once that may take 2 s. A further one has 250 ms: the packet after its head is read, too."""
_AT_ONCE = 30
"""Forms of one source that are waited for at all: each has a buffer, and there are few (`configuration`)."""


def field(settings: Settings) -> str | None:
    """Return the name of the form's field; None where no form is offered, as no cookie could keep the key.

    Each session of a host has another name, always the same: what a browser remembers of one field, it does not fill
    into the next session's.
    """
    if settings.cookie_path is None or not _COOKIE_VALUE.fullmatch(settings.token):
        return None
    return f"amalthea-key-{hashlib.sha256(settings.cookie_path.encode()).hexdigest()[:12]}"


def rules(settings: Settings) -> list[str]:
    """Return the rules that hand over the cookie; they come before those that refuse requests without a key.

    No form with a key in it reaches the session, even from somebody who is let in already.
    """
    shown = field(settings)
    if settings.cookie_path is None or shown is None:
        return []
    name, path = (text.replace("%", "%%").replace("'", r"'\''") for text in (settings.cookie_key, settings.cookie_path))
    cookie = f"{name}=%[var(proc.token)]; Path={path}; HttpOnly; SameSite=Strict"
    # With the dot, for a path may begin with two slashes, and would be taken for another host.
    there = f"http-request return status 303 {pages.LAST} hdr Location '/.%[pathq]'"
    return [
        "acl form_sent method POST",
        "acl form req.hdr(content-type) -m beg -i application/x-www-form-urlencoded",
        # Where TLS ends before the cluster, the ingress tells of http; a form's own page has told the browser.
        "acl https req.hdr(x-forwarded-proto) -i https",
        "acl https req.hdr(origin) -m beg -i https://",
        "http-request track-sc3 src table forms if !right_key form_sent form",
        # In a crowd, a new source has few connections. Were forms to hold those of a new ingress, its owner, too, would
        # be turned away, and the ingress would never become known.
        "http-request set-var(txn.wait) bool(true) if !right_key form_sent form known",
        "http-request set-var(txn.wait) bool(true) if !right_key form_sent form !strangers_crowd",
        "acl wait var(txn.wait) -m bool",
        f"acl hurried sc_conn_cur(3) gt {_UNHURRIED}",
        f"http-request wait-for-body time 250ms if wait hurried !{{ sc_conn_cur(3) gt {_AT_ONCE} }}",
        "http-request wait-for-body time 2s if wait !hurried",
        # The field is the form's first: no more is waited for of a form that may be the session's own.
        f"http-request wait-for-body time 2s at-least {len(shown) + 1} if right_key form_sent form",
        f"acl key_shown req.body_param({shown}) -m found",
        f"acl shown_right 'req.body_param({shown}),url_dec(1),secure_memcmp(proc.token)'",
        'http-request set-var(txn.only) str("; Secure") if https',
        f"{there} hdr Set-Cookie '{cookie}%[var(txn.only)]' if form_sent form key_shown shown_right",
        f"{there} if right_key form_sent form key_shown",
    ]
