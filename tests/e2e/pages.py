"""A session's page, asked for through the Ingress at the URL that its status gives."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.cluster.localhost import Answer, ask, with_port
from tests.support.world import Object

WITHIN = 20.0


@dataclass(frozen=True)
class Page:
    """The page of one session, on this machine."""

    url: str

    def wait_for(self, expected: Callable[[Answer], object], path: str = "") -> Answer:
        """Return an answer to GET as soon as it is as expected: an Ingress takes some moments to have an effect."""
        deadline = time.monotonic() + WITHIN
        while not expected(answer := ask(self.url + path)):
            assert time.monotonic() < deadline, f"{self.url + path} answers after {WITHIN} s: {answer}"
            time.sleep(0.2)
        return answer

    def write(self, file: str, content: bytes) -> None:
        """Have the probe write a file on its volume."""
        self.wait_for(lambda answer: answer.is_success)
        answer = ask(f"{self.url}files/{file}", "PUT", content)
        assert answer.status == 204, answer

    def read(self, file: str) -> bytes:
        """Return a file on the probe's volume."""
        return self.wait_for(lambda answer: answer.is_success, f"files/{file}").body


def page_of(session: Object, port: int) -> Page:
    """Return the page of a session whose cluster listens on `port`."""
    return Page(with_port(session["status"]["url"], port))
