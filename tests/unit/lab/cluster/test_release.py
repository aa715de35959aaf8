"""The operator that runs is the one that was built last, and it is not restarted for nothing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.cluster.admin import Admin
from lab.cluster.release import Release
from lab.images import images

NEWEST = images.IMAGES["operator"].key()


@dataclass(frozen=True)
class FakeAdmin(Admin):
    """A cluster with a Deployment that has these annotations."""

    annotations: dict[str, str]
    commands: list[str] = field(default_factory=list)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        assert stdin is None
        self.commands.append(" ".join(arguments))
        return ""

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        assert (kind, name, namespace) == ("deployment", "amalthea-amalthea-sessions-controller-manager", "amalthea")
        return {"metadata": {"annotations": self.annotations}}


@pytest.mark.parametrize(
    ("annotations", "restarts"),
    [
        ({}, False),
        ({"lab.amalthea.dev/image-build": NEWEST}, False),
        ({"lab.amalthea.dev/image-build": "dev-before"}, True),
    ],
    ids=["just-installed", "same-image", "image-built-anew"],
)
def test_the_operator_is_restarted_only_for_another_image(annotations: dict[str, str], *, restarts: bool) -> None:
    admin = FakeAdmin("full", Path("kubectl"), Path("helm"), annotations)
    Release(admin, "amalthea").run_newest_image()
    assert any(command.startswith("rollout restart") for command in admin.commands) is restarts
    assert admin.commands[-1].startswith("annotate ")
    assert f"lab.amalthea.dev/image-build={NEWEST}" in admin.commands[-1]
