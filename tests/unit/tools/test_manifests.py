"""An image's name is taken apart as registries read it: a port is not a tag."""

import pytest

from tools.manifests import image_entry


@pytest.mark.parametrize(
    ("image", "entry"),
    [
        ("operator", {"newName": "operator", "newTag": "latest"}),
        ("renku/operator:1.2", {"newName": "renku/operator", "newTag": "1.2"}),
        ("localhost:5001/a/b", {"newName": "localhost:5001/a/b", "newTag": "latest"}),
        ("127.0.0.1:5001/a/b:v0", {"newName": "127.0.0.1:5001/a/b", "newTag": "v0"}),
        ("reg:1/a@sha256:abc", {"newName": "reg:1/a", "digest": "sha256:abc"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_image_is_taken_apart(image: str, entry: dict[str, str]) -> None:
    assert image_entry(image) == {"name": "controller", **entry}
