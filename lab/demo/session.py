"""The demo's session: applied from its sample, followed by its own status until it runs, and asked for its page.

A researcher would watch the same words: the status of the session, which our operator writes. Its door opens to a key,
which is made once and kept in the cluster.
"""

import base64
import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.base.progress import Step
from lab.cluster.admin import Admin
from lab.cluster.localhost import ask, with_port
from lab.demo.git_server import GitServer

START_TIMEOUT = 300.0
PAGE_TIMEOUT = 30.0
FAILED_FOR_GOOD = 20.0
"""Seconds after which a failed session is given up: after a restart of the cluster it may look failed for moments."""
POLL_INTERVAL = 0.5
SHOWN_CHARACTERS = 200

Session = dict[str, Any]
_DOOR_SETTINGS = "auth"
"""The key of the door's secret, as the sample names it."""


class DemoError(Exception):
    """A demo that cannot go on; the text says why, and where to look."""


class DemoSession:
    """The one session that a sample file describes, in a namespace; with a repository, that is cloned into it.

    `variables` has values of the session's variables that are others on this machine.
    """

    def __init__(
        self,
        admin: Admin,
        namespace: str,
        sample: Path,
        repository: GitServer | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.namespace = namespace
        self._admin = admin
        self._manifest: Session = yaml.safe_load(sample.read_text())
        for variable in self._manifest["spec"]["session"].get("env", ()):
            variable["value"] = (variables or {}).get(variable["name"], variable["value"])
        self.name: str = self._manifest["metadata"]["name"]
        self._repository = repository
        if repository is not None:
            self._manifest["spec"]["codeRepositories"] = [
                {
                    "remote": repository.remote,
                    "cloningConfigSecretRef": {"name": self._credentials, "key": "credentials", "adopt": True},
                }
            ]

    @property
    def url(self) -> str:
        """Return its URL: the one in its status, with the port of this machine."""
        return with_port(str(self._status().get("url", "")), self._admin.http_port)

    @property
    def door(self) -> str:
        """The name of the secret that holds the key to its door."""
        name: str = self._manifest["spec"]["authentication"]["secretRef"]["name"]
        return name

    @property
    def key(self) -> str:
        """The key that opens it: what its secret holds."""
        secret = self._admin.get("secret", self.door, self.namespace) or {}
        settings = yaml.safe_load(base64.b64decode(secret.get("data", {}).get(_DOOR_SETTINGS, "")))
        if not isinstance(settings, dict) or not settings.get("token"):
            raise DemoError(f"The secret {self.door} has no key. Delete it; the next `make demo` makes another.")
        return str(settings["token"])

    @property
    def _credentials(self) -> str:
        return f"{self.name}-repository"

    def apply(self) -> None:
        """Create it, with a key to its door, or resume the one that is there; raise CommandError."""
        if self._repository is not None:
            self._write("apply", self._repository.secret(self._credentials), "--server-side")
        if self._admin.get("secret", self.door, self.namespace) is None:
            self._write("create", _secret(self.door, {_DOOR_SETTINGS: f'token: "{secrets.token_hex(16)}"'}))
        self._write("apply", self._manifest)

    def _write(self, verb: str, manifest: Session, *options: str) -> None:
        place = f"--namespace={self.namespace}"
        self._admin.kubectl(verb, place, "--filename=-", *options, stdin=json.dumps(manifest))

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
        """Return when the session's page answers through Ingress and door; raise DemoError after a while."""
        deadline = time.monotonic() + PAGE_TIMEOUT
        key = {"Authorization": f"Bearer {self.key}"}
        while not (answer := ask(self.url, headers=key)).is_success:
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
    """Describe a session's state, from its status: its Ready condition, its containers, and what is wrong."""
    ready: Session = next((each for each in status.get("conditions", ()) if each["type"] == "Ready"), {})
    words = [str(ready.get("message", "The operator has not seen the session yet."))]
    counts = status.get("containerCounts", {})
    if total := counts.get("total"):
        words.append(f"{counts.get('ready', 0)} of {total} containers are ready.")
    return " ".join([*words, *filter(None, [status.get("error")])])


def _secret(name: str, content: dict[str, str]) -> Session:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": content}
