"""Image references: what Docker leaves out is filled in, and mirrors get what belongs to them and nothing else."""

import pytest

from amalthea.api import references
from amalthea.api.references import Reference
from amalthea.children.pod import images, remote
from amalthea.settings import RewriteRule
from amalthea.testing.builders import session

SHA = "sha256:" + "0123456789abcdef" * 4

PARSED = {
    "node": Reference("docker.io", "library/node", "latest", ""),
    "node:20": Reference("docker.io", "library/node", "20", ""),
    f"node@{SHA}": Reference("docker.io", "library/node", "", SHA),
    f"node:20@{SHA}": Reference("docker.io", "library/node", "20", SHA),
    "renku/lab": Reference("docker.io", "renku/lab", "latest", ""),
    "renku_1/a__b/c--d.e": Reference("docker.io", "renku_1/a__b/c--d.e", "latest", ""),
    "docker.io/node": Reference("docker.io", "library/node", "latest", ""),
    "index.docker.io/renku/lab": Reference("docker.io", "renku/lab", "latest", ""),
    "localhost/lab": Reference("localhost", "lab", "latest", ""),
    "registry:5000/lab:2": Reference("registry:5000", "lab", "2", ""),
    "[2001:db8::1]:5000/lab": Reference("[2001:db8::1]:5000", "lab", "latest", ""),
    "Registry/lab": Reference("Registry", "lab", "latest", ""),
    "registry.example.org/group/lab:v1": Reference("registry.example.org", "group/lab", "v1", ""),
}

NO_REFERENCES = [
    "",
    " ",
    "node:",
    "node@",
    "node@sha256:12",
    "Node",
    "a//b",
    "/a",
    "a/",
    "https://a/b",
    "a b",
    "node\n",
]


@pytest.mark.parametrize(("image", "reference"), PARSED.items(), ids=PARSED)
def test_a_short_name_means_what_it_means_to_docker(image: str, reference: Reference) -> None:
    assert references.parse(image) == reference


@pytest.mark.parametrize("image", NO_REFERENCES)
def test_a_text_that_is_not_a_reference_passes_unchanged(image: str) -> None:
    assert references.parse(image) is None
    assert images.rewrite(image, (RewriteRule("docker.io", "mirror.example.org"),)) == image


RULES = (
    RewriteRule("", "mirror.example.org/everything"),
    RewriteRule("docker.io/renku", "mirror.example.org/renku"),
    RewriteRule("docker.io", "mirror.example.org/hub"),
    RewriteRule("docker.io/library", "mirror.example.org/never-reached"),
    RewriteRule("registry.example.org/group/", "mirror.example.org/group/"),
    RewriteRule("quay.example.org", ""),
)

REWRITTEN = {
    "node": "mirror.example.org/hub/library/node:latest",
    "docker.io/node:20": "mirror.example.org/hub/library/node:20",
    f"node:20@{SHA}": f"mirror.example.org/hub/library/node:20@{SHA}",
    f"node@{SHA}": f"mirror.example.org/hub/library/node@{SHA}",
    "renku/lab": "mirror.example.org/renku/lab:latest",
    "renkulab/lab": "mirror.example.org/hub/renkulab/lab:latest",
    "registry.example.org/group/lab/a": "mirror.example.org/group/lab/a:latest",
}

NOT_REWRITTEN = [
    "registry.example.org/group",
    "registry.example.org/groups/lab",
    "registry.example.orgs/group/lab",
    "quay.example.org/lab",
    "example.org/docker.io/lab",
]


@pytest.mark.parametrize(("image", "rewritten"), REWRITTEN.items(), ids=REWRITTEN)
def test_the_first_rule_whose_prefix_ends_between_two_parts_of_the_name_wins(image: str, rewritten: str) -> None:
    assert images.rewrite(image, RULES) == rewritten


@pytest.mark.parametrize("image", NOT_REWRITTEN)
def test_an_image_that_only_looks_like_a_mirrored_one_is_left_alone(image: str) -> None:
    assert images.rewrite(image, RULES) == image


def test_without_rules_an_image_stays_as_the_user_wrote_it() -> None:
    assert images.rewrite("node", ()) == "node"


@pytest.mark.parametrize("image", ["renku/lab", "registry.example.org/lab:1@" + SHA, "no reference"])
def test_the_machine_room_of_a_remote_session_gets_its_image_as_it_is_written(image: str) -> None:
    """The mirrors are this cluster's, and only one kind of remote backend wants enroot's spelling."""
    builder = session().remote().with_session(image=image).with_settings(rewrite_rules=RULES)

    assert {"name": "REMOTE_SESSION_IMAGE", "value": image} in remote.container(builder.subject())["env"]
