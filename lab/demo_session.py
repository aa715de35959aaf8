"""The demo's session: applied from its sample, followed in its own words until it runs, and asked for its page.

A researcher would watch the same words: the status of the session, which our operator writes.
"""

import re
import time
from pathlib import Path
from typing import Any

from lab.admin import Admin
from lab.localhost import ask, with_port
from lab.progress import Step

START_TIMEOUT = 300.0
PAGE_TIMEOUT = 30.0
FAILED_FOR_GOOD = 20.0
"""Seconds after which a failed session is given up: after a restart of the cluster it may look failed for moments."""
POLL_INTERVAL = 0.5
SHOWN_CHARACTERS = 200

Session = dict[str, Any]


class DemoError(Exception):
    """The demo cannot go on; the text says why, and where to look."""


class DemoSession:
    """The one session that a sample file describes, in a namespace."""

    def __init__(self, admin: Admin, namespace: str, sample: Path) -> None:
        self.namespace = namespace
        self._admin = admin
        self._sample = sample
        found = re.search(r"^metadata:\n  name: (\S+)$", sample.read_text(), re.MULTILINE)
        if found is None:
            raise DemoError(f"{sample} names no session.")
        self.name = found[1]

    @property
    def url(self) -> str:
        """Where it is opened: what its status says, with the port of this machine."""
        return with_port(str(self._status().get("url", "")), self._admin.http_port)

    def apply(self) -> None:
        """Create it, or resume the one that is there; raise CommandError."""
        self._admin.kubectl("apply", f"--namespace={self.namespace}", f"--filename={self._sample}")

    def wait_until_running(self, step: Step) -> None:
        """Show what the session says until it runs; raise DemoError if it fails or takes too long."""
        started = failed_since = time.monotonic()
        while (status := self._status()).get("state") != "Running":
            step.note(in_words(status).rstrip("."))
            now = time.monotonic()
            if status.get("state") != "Failed":
                failed_since = now
            if now - failed_since > FAILED_FOR_GOOD or now - started > START_TIMEOUT:
                raise DemoError(f"The session does not run. {in_words(status)}\n{self._where_to_look()}")
            time.sleep(POLL_INTERVAL)

    def wait_for_page(self) -> None:
        """Return when the session's page answers through the Ingress; raise DemoError after a while."""
        deadline = time.monotonic() + PAGE_TIMEOUT
        while not (answer := ask(self.url)).is_success:
            if time.monotonic() > deadline:
                said = f"{answer.status} {answer.body.decode(errors='replace')[:SHOWN_CHARACTERS]}"
                raise DemoError(f"The session runs, but {self.url} says {said}\n{self._where_to_look()}")
            time.sleep(POLL_INTERVAL)

    def _status(self) -> Session:
        found = self._admin.get("amaltheasession", self.name, self.namespace) or {}
        status: Session = found.get("status", {})
        return status

    def _where_to_look(self) -> str:
        kubectl = f"{self._admin.kubectl_path} --kubeconfig={self._admin.kubeconfig} -n {self.namespace}"
        return (
            "What is known about it:\n"
            f"  {kubectl} describe amaltheasession {self.name}\n"
            f"  {kubectl} describe pod {self.name}-0\n"
            f"  {kubectl} logs {self.name}-0"
        )


def in_words(status: Session) -> str:
    """Say how a session is, from its status: its Ready condition, its containers, and what is wrong if something is."""
    ready: Session = next((each for each in status.get("conditions", ()) if each["type"] == "Ready"), {})
    words = [str(ready.get("message", "The operator has not seen the session yet."))]
    counts = status.get("containerCounts", {})
    if total := counts.get("total"):
        words.append(f"{counts.get('ready', 0)} of {total} containers are ready.")
    return " ".join([*words, *filter(None, [status.get("error")])])
