"""Builds every image before the first test starts, and reads each once."""

from functools import cache
from pathlib import Path

import pytest

from lab.base.progress import Progress
from lab.images import images
from lab.images.images import IMAGES
from tests.support import image_contents
from tests.support.image_contents import Contents

_HERE = Path(__file__).parent


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing, unless the tests are only listed."""
    if session.config.option.collectonly or not any(_HERE in item.path.parents for item in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        images.build(tuple(IMAGES), Progress())


@cache
def _contents(name: str) -> Contents:
    return image_contents.read(images.archive(name))


@pytest.fixture
def contents(name: str) -> Contents:
    """The content of the image `name`."""
    return _contents(name)
