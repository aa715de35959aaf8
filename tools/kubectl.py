"""kubectl, as the person who typed `make` has it: their program, their kubeconfig, their context."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

SESSIONS = "amaltheasessions.amalthea.dev"


class ToolError(Exception):
    """A command cannot do what it was asked; the text says what is wrong and, where it is known, what helps."""


@dataclass(frozen=True)
class Kubectl:
    """One cluster. An empty `context` is the kubeconfig's current one."""

    program: str = os.environ.get("KUBECTL") or "kubectl"
    context: str = os.environ.get("CONTEXT", "")

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Return what kubectl writes to standard output.

        Raises:
            ToolError: kubectl failed, or is not there.
        """
        command = [self.program, *([f"--context={self.context}"] if self.context else []), *arguments]
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        except OSError as error:
            raise ToolError(f"{self.program} cannot be started ({error.strerror}); name one by KUBECTL=…") from error
        if done.returncode:
            raise ToolError(done.stderr.strip() or f"{' '.join(command)} failed")
        return done.stdout

    def find_cluster(self) -> None:
        """Raise ToolError if no cluster answers: `kubectl apply` would say that it cannot validate what it is given."""
        self.run("version", "--client")
        try:
            self.run("get", "--raw", "/version")
        except ToolError as error:
            raise ToolError(
                f"no cluster answers ({error}); name one by CONTEXT=…, or its file by KUBECONFIG=…."
            ) from error

    def server(self) -> str:
        """Return the address of the API server that the kubeconfig has; empty where there is none, as in a pod."""
        try:
            return self.run("config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}").strip()
        except ToolError:
            return ""

    def items(self, kind: str, *options: str) -> list[dict[str, Any]]:
        """Return objects of one kind: of all namespaces, or as `options` say; none where the kind is not served."""
        if not self.serves(kind):
            return []
        found: list[dict[str, Any]] = json.loads(self.run("get", kind, *options, "--output=json"))["items"]
        return found

    def serves(self, kind: str) -> bool:
        """Return whether the cluster has a kind, given as `plural.group`; other groups may be away meanwhile."""
        plural, _, group = kind.partition(".")
        try:
            preferred = json.loads(self.run("get", "--raw", f"/apis/{group}"))["preferredVersion"]["groupVersion"]
            served = json.loads(self.run("get", "--raw", f"/apis/{preferred}"))["resources"]
        except ToolError as error:
            if "(NotFound)" in str(error):
                return False
            raise
        return plural in {each["name"] for each in served}
