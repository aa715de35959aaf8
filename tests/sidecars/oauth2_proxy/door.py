"""The true oauth2-proxy, started with the arguments and files that the operator gives it, and somebody who visits it.

Only paths and ports are changed: here it shares a machine with others.
"""

import http.client
import json
import os
import subprocess
import time
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

from amalthea.children import secret
from amalthea.children.pod import auth, oidc
from amalthea.children.shared.subject import Subject
from lab.programs import binaries
from tests.support.issuer import Issuer
from tests.support.processes import free_port

READY_WITHIN = 20.0
PATIENCE = 60.0
MOUNT = "/etc/oauth2-proxy"
MATERIAL = secret.draw(os.urandom)


@dataclass
class Door:
    """One oauth2-proxy. `port` leads to it, `upstream_port` is where it finds the session."""

    process: subprocess.Popen[str]
    port: int

    def wait(self) -> str:
        """Return what it said, once it has ended with a failure."""
        said, _ = self.process.communicate(timeout=READY_WITHIN)
        assert self.process.returncode == 1, (self.process.returncode, said)
        return said

    def wait_until_ready(self) -> None:
        """Return when it answers the probe of its container."""
        deadline = time.monotonic() + READY_WITHIN
        while ask(self.port, "/ping").status != http.HTTPStatus.OK:
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < deadline, "it does not answer"
            time.sleep(0.02)


def start(subject: Subject, users_secret: Mapping[str, str], upstream_port: int, folder: Path) -> Door:
    """Start the oauth2-proxy of a session whose user gave that secret; a file for each key, as in a mounted one."""
    port = free_port()
    proxies = (*auth.sidecars(subject), *auth.containers(subject))
    container = next(made for made in proxies if made["name"] == "oauth2-proxy")
    internal = secret.internal_secret(subject, MATERIAL).get("data", {})
    files = {**users_secret, **{name: b64decode(text).decode() for name, text in internal.items()}}

    def moved(text: str) -> str:
        for old, new in (
            (MOUNT, str(folder)),
            (oidc.EMAILS_FILE, str(folder / "AUTHORIZED_EMAILS")),
            ("65535", str(port)),
            ("65533", str(upstream_port)),
        ):
            text = text.replace(old, new)
        return text

    for name, text in files.items():
        (folder / name).write_text(moved(text))
    plain = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    process = subprocess.Popen(
        [str(binaries.path("oauth2-proxy")), *map(moved, container["args"])],
        env={**plain, **(users_secret if "envFrom" in container else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Door(process, port)


@dataclass(frozen=True)
class Answer:
    """The answer; status 0 if there was none."""

    status: int
    headers: http.client.HTTPMessage
    body: str


def ask(
    port: int, target: str, headers: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
) -> Answer:
    """Send one request to this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    body = urlencode(form) if form is not None else None
    try:
        connection.request("POST" if form is not None else "GET", target, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    except OSError as error:
        return Answer(0, http.client.HTTPMessage(), str(error))
    finally:
        connection.close()


@dataclass
class Visitor:
    """Somebody with a browser that finds one door behind every public name, and minds the paths of cookies."""

    door: Door
    issuer: Issuer
    name: str
    cookies: dict[str, Morsel[str]] = field(default_factory=dict)

    def open(self, url: str) -> Answer:
        """Open a page of the session, log in where one is asked to, and return where it ends."""
        for _ in range(10):
            answer = self.request(url)
            if "Location" not in answer.headers:
                return answer
            url = urljoin(url, answer.headers["Location"])
            if url.startswith(f"{self.issuer.url}/authorize"):
                url = self._log_in(url)
        raise AssertionError(f"redirected for ever: {url}")

    def request(self, url: str) -> Answer:
        """Send one request to the door, with the cookies for its path."""
        parts = urlsplit(url)
        sent = "; ".join(
            f"{each.key}={each.value}" for each in self.cookies.values() if parts.path.startswith(each["path"])
        )
        target = parts._replace(scheme="", netloc="").geturl()
        answer = ask(self.door.port, target, {"Host": parts.netloc, "Cookie": sent})
        for line in answer.headers.get_all("Set-Cookie") or ():
            self.cookies.update(SimpleCookie(line))
        return answer

    def _log_in(self, url: str) -> str:
        parts = urlsplit(url)
        answer = ask(parts.port or 80, f"{parts.path}?{parts.query}", {"Cookie": f"user={self.name}"})
        return str(answer.headers["Location"])


def shown(answer: Answer) -> dict[str, object]:
    """Return what the session shows of the request that reached it."""
    told: dict[str, object] = json.loads(answer.body)
    return told
