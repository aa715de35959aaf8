"""The images hold this checkout's code: other tests mount it over theirs, and would not notice."""

import pytest

from lab.base.project import PROJECT
from tests.support.image_contents import Contents

SOURCE = PROJECT / "src"


@pytest.mark.parametrize("name", ["operator", "sidecars", "cloner"])
def test_it_holds_every_module_as_it_is_here(contents: Contents) -> None:
    places = {
        path.rpartition("amalthea/__init__.py")[0] for path in contents.files if path.endswith("/amalthea/__init__.py")
    }
    assert len(places) == 1
    place = places.pop()
    modules = {f"{place}{module.relative_to(SOURCE)}": module.read_bytes() for module in SOURCE.rglob("*.py")}
    assert len(modules) > 100
    assert {path for path in contents.files if path.startswith(f"{place}amalthea/") and path.endswith(".py")} == set(
        modules
    )
    assert [path for path, content in modules.items() if contents.read(path) != content] == []
