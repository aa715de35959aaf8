"""A session whose files are somewhere else than before finds none of them."""

import pytest

from amalthea.children.pod import pod
from amalthea.testing.builders import session

REPOSITORY = "https://git.example.org/code.git"


@pytest.mark.parametrize(("written", "seen"), [("work", "/work"), ("./work", "/./work"), ("/work", "/work")])
def test_a_mount_path_stays_as_it_is_and_what_lies_below_it_is_found_there(written: str, seen: str) -> None:
    """The runtime takes a relative one from the root; a working directory it refuses, unless it is absolute."""
    builder = session().with_repository(REPOSITORY).with_data_source("data", "ds1")
    spec = pod.template(builder.with_session(storage={"mountPath": written}).subject())["spec"]
    (clone,), (container,) = spec["initContainers"], spec["containers"]

    for each in (clone, container):
        assert each["volumeMounts"][0]["mountPath"] == written
    assert clone["workingDir"] == seen
    assert f"{seen}/." in clone["args"]
    assert container["volumeMounts"][1]["mountPath"] == "/work/data"
