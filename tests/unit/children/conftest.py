"""Golden files: all children of a session in one YAML file that a reader can follow, compared whole.

After a change on purpose write them anew, and read the diff:  pytest tests/unit/build --update-golden
"""

from collections.abc import Callable, Iterable

import pytest

from amalthea.api.schema import Manifest
from tests.unit.children.golden_files import FOLDER, render


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden manifests anew (tests/unit/build)")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str, Iterable[Manifest]], None]:
    """Return a check: the file's name, a heading for its reader, and the objects that it is to hold."""
    update = request.config.getoption("--update-golden", default=False)

    def check(name: str, heading: str, objects: Iterable[Manifest]) -> None:
        file, text = FOLDER / f"{name}.yaml", render(heading, objects)
        if update:
            file.write_text(text)
        assert file.read_text() == text, "a change on purpose? pytest tests/unit/build --update-golden"

    return check
