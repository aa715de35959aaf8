"""The proxy's own answers: small pages in plain words for people, and the same for programs as JSON.

The pages need no JavaScript, follow the light or dark theme of the system, and support screen readers. The texts are
put as they are into HTML, JSON and words of HAProxy's configuration: no quotes, no markup, no plain apostrophe in them.
"""

from typing import NamedTuple

TRY_AGAIN = 3
"""Seconds until the page of a session that does not answer reloads itself, and programs may try again."""

_OWN = "hdr Cache-Control no-store hdr X-Content-Type-Options nosniff hdr Referrer-Policy no-referrer"
END = "hdr Connection close"
"""For refused clients: a connection that goes on keeps a slot."""
LAST = f"{_OWN} {END}"
LATER = f"{_OWN} hdr Retry-After {TRY_AGAIN}"
JSON = "content-type application/json"
HTML = "content-type 'text/html; charset=utf-8'"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
SHOWN_ANYWHERE = f"""hdr Content-Security-Policy "{_POLICY}; form-action 'none'\""""
"""For pages that only those see who are let in. Sites may show a session in a frame (with cookies of SameSite=None),
and there is nothing to click on: who waits for it in such a frame sees that it starts."""
FRAMED_BY_ITSELF = f"""hdr Content-Security-Policy "{_POLICY}; form-action 'self'; frame-ancestors 'self'\""""
"""For refusals, which may ask for the key: no other site may show them as its own."""

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.1rem/1.6 system-ui,sans-serif;"
    "color:#1b1f24;background:#f6f7f9}"
    "main{max-width:34rem;padding:2rem}"
    "h1{font-size:1.6rem;line-height:1.3;margin:0 0 1rem}"
    "input,button{font:inherit;padding:.2rem .5rem}"
    ".key{-webkit-text-security:disc}"
    "@media(prefers-color-scheme:dark){body{color:#e8eaed;background:#17191c}}"
)


class Text(NamedTuple):
    """One message."""

    title: str
    sentences: tuple[str, ...]
    refresh: int | None = None
    """Seconds after which the page reloads itself."""


NO_KEY = Text(
    "Please sign in",
    (
        "Only users who are signed in can open this session.",
        "Go to the site where you started the session, sign in there, and open the session again.",
    ),
)
WRONG_KEY = Text(
    "Please sign in again",
    (
        "Your sign-in does not open this session. It may have expired, or it may be for another session.",
        "Go to the site where you started the session, sign in there, and open the session again.",
    ),
)
ANOTHER_KEY = Text(
    "This key does not open the session",
    (
        "Check that it is the complete key of this session, then enter it again.",
        "You can also go to the site where you started the session, sign in there, and open the session again.",
    ),
)
ANOTHER_WAY = Text(
    "The session cannot be opened at this address",
    ("Open it from the site where you started it.",),
)
TOO_MANY = Text(
    "Too many open connections",
    ("This session has as many open connections as it can serve.", "Close some of its tabs, then try again."),
)
NO_ANSWER = Text(
    "The session does not answer yet",
    (
        "It may still be starting, or restarting after a problem.",
        f"This page tries again every {TRY_AGAIN} seconds.",
        "If it takes more than a few minutes, check its state on the site where you started it.",
    ),
    TRY_AGAIN,
)

UNREADABLE = Text(
    "The answer of the session cannot be read",
    (
        "Its program sent an answer that is not valid HTTP, or one whose header is longer than 24 KiB.",
        "The log of the container authproxy says so, too. The authors of the program can correct it.",
    ),
)


def page(text: Text, key_field: str | None = None) -> str:
    """Return the page, in one line; with `key_field` it asks for the session's key, and posts it to its own address."""
    refresh = f'<meta http-equiv="refresh" content="{text.refresh}">' if text.refresh else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{refresh}<title>{text.title}</title><style>{_STYLE}</style></head>"
        f'<body><main role="status"><h1>{text.title}</h1>'
        f"{''.join(f'<p>{sentence}</p>' for sentence in text.sentences)}"
        f"{_form(key_field) if key_field else ''}</main></body></html>"
    )


def _form(field: str) -> str:
    return (
        "<details><summary>I have the key of this session</summary>"
        # Password managers go by the host, which other sessions may share. So this is not a password field: it only
        # looks like one.
        f'<form method="post"><p><label>Key <input name="{field}" type="text" class="key" autocomplete="off" '
        'autocapitalize="none" spellcheck="false" required></label> <button>Open the session</button></p></form>'
        "</details>"
    )


def message(text: Text) -> str:
    """Return the same for programs."""
    told = (f"{text.title}.", *text.sentences[: 1 if text.refresh else None])
    return f'{{"message": "{" ".join(told)}"}}'
