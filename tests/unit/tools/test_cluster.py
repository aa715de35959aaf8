"""What is asked before sessions are deleted names their cluster; a cluster that does not answer is said so by all."""

import io
from typing import Any

import pytest

from tools import cluster
from tools.kubectl import Kubectl, ToolError


class Clusters(Kubectl):
    """A kubeconfig whose current context has a cluster with two sessions; or none that answers."""

    answers = True

    def run(self, *arguments: str, stdin: str | None = None) -> str:  # noqa: ARG002
        if arguments[:2] == ("config", "view"):
            return "https://production.example.org:6443\n"
        if not self.answers and "--client" not in arguments:
            raise ToolError("The connection to the server was refused")
        return ""

    def items(self, kind: str, *options: str) -> list[dict[str, Any]]:  # noqa: ARG002
        return [{"metadata": {"namespace": "users"}}] * 2


class Silent(Clusters):
    answers = False


def test_who_deletes_all_sessions_sees_of_which_cluster(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert cluster.main(["uninstall"], Clusters()) == 1
    said = capsys.readouterr()
    assert said.out.startswith("The cluster is https://production.example.org:6443.\nThis deletes 2 session(s)")
    assert "nothing was deleted" in said.err


@pytest.mark.parametrize("command", [["install"], ["uninstall"], ["undeploy"], ["deploy", "--image=example.org/a:1"]])
def test_a_cluster_that_does_not_answer_is_named_with_the_remedy(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.manifests.render", lambda *_, **__: "")
    assert cluster.main(command, Silent()) == 1
    assert (
        "no cluster answers (The connection to the server was refused); name one by CONTEXT=" in capsys.readouterr().err
    )
