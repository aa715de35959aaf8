"""A program of an image must not get more rights than its container has, and no container runs as root by default."""

import pytest

from lab.images.images import IMAGES, SESSION_IMAGES
from tests.support.image_contents import Contents

STARTED = (*SESSION_IMAGES, "oauth2-proxy", "pause")


@pytest.mark.parametrize("name", IMAGES)
def test_no_program_gives_its_caller_more_rights(contents: Contents) -> None:
    assert any(file.entry.mode & 0o111 for file in contents.files.values()), "it holds programs"
    assert [path for path, file in contents.files.items() if file.gives_rights] == []


@pytest.mark.parametrize("name", STARTED)
def test_it_runs_as_a_user_that_the_kubelet_can_tell_from_root(contents: Contents) -> None:
    user, group = contents.user.split(":")
    assert int(user) > 0
    assert int(group) > 0
