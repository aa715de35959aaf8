"""A real browser, and the people who use it: each has cookies of their own, and a name at the issuer."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Playwright, Response

QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
"""A browser that talks to nobody but the page."""
ECHO = """text => new Promise((heard, failed) => {
    const socket = new WebSocket(location.href.replace(/^http/, "ws"))
    socket.onopen = () => socket.send(text)
    socket.onmessage = event => { socket.close(); heard(event.data) }
    socket.onerror = () => failed(new Error("no WebSocket"))
})"""


def launch(playwright: Playwright, *options: str, home: Path | None = None) -> Browser:
    """Start a browser, of somebody with that home folder if one is given. Root may not use Chromium's sandbox."""
    return playwright.chromium.launch(
        executable_path=shutil.which("chromium"),
        args=[*QUIET, *options],
        chromium_sandbox=False,
        env={**os.environ, "HOME": str(home)} if home is not None else None,
    )


def believe(authority: str, home: Path) -> None:
    """Have browsers with that home folder believe one more authority than those that they bring along."""
    database = f"sql:{home / '.pki' / 'nssdb'}"
    (home / ".pki" / "nssdb").mkdir(parents=True)
    file = home / "ca.crt"
    file.write_text(authority)
    for words in (("-N", "--empty-password"), ("-A", "-n", "lab", "-t", "C,,", "-i", str(file))):
        subprocess.run(("certutil", "-d", database, *words), check=True)


def at_port(port: int) -> str:
    """Return the option by which sessions are found at `port`, whose URLs name none: an issuer sends users there."""
    return f"--host-resolver-rules=MAP *.localhost:80 127.0.0.1:{port}"


@dataclass(frozen=True)
class Person:
    """Somebody before a browser."""

    page: Page
    name: str

    def open(self, url: str) -> Response:
        """Open a page, and return what this leads to: the session, a refusal, or the issuer's form."""
        response = self.page.goto(url)
        assert response is not None
        return response

    def log_in(self) -> Response:
        """Type the name into the issuer's form, and return what this leads to."""
        self.page.get_by_role("textbox").fill(self.name)
        with self.page.expect_navigation() as navigation:
            self.page.keyboard.press("Enter")
        response = navigation.value
        assert response is not None
        return response

    def is_asked(self) -> bool:
        """Return whether the issuer's form is open."""
        return self.page.title() == "Log in"

    def is_known_at(self, issuer: str) -> None:
        """Have logged in at the issuer before, for something else."""
        self.page.context.add_cookies([{"name": "user", "value": self.name, "url": issuer}])

    def is_given(self, cookie: str, value: str, url: str) -> None:
        """Have a cookie for a page and all below it, as a web back end gives it."""
        parts = urlsplit(url)
        self.page.context.add_cookies(
            [{"name": cookie, "value": value, "domain": parts.netloc, "path": parts.path, "sameSite": "Strict"}]
        )

    def logs_out_at(self, issuer: str) -> None:
        """Be a stranger at the issuer again, though not at sessions."""
        self.page.context.clear_cookies(domain=urlsplit(issuer).hostname or "")

    def seen_by_the_session(self) -> dict[str, Any]:
        """Return the page, which is the probe's, of the request for it."""
        told: dict[str, Any] = json.loads(self.page.inner_text("body"))
        return told

    def echo(self, text: str) -> str:
        """Send a text to the page that is open, through a WebSocket, and return what comes back."""
        heard: str = self.page.evaluate(ECHO, text)
        return heard

    def cookies(self) -> dict[tuple[str, str], str]:
        """Return the browser's cookies, by name and path."""
        return {
            (each.get("name", ""), each.get("path", "")): each.get("value", "") for each in self.page.context.cookies()
        }
