"""The devcontainer CLI takes half of a broken file in silence, so that the file is read strictly here."""

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / ".devcontainer"
KNOWN = {
    "name",
    "build",
    "remoteUser",
    "runArgs",
    "mounts",
    "containerEnv",
    "onCreateCommand",
    "postCreateCommand",
    "customizations",
}


def configuration() -> dict[str, Any]:
    text = re.sub(r"^\s*//.*$", "", (FOLDER / "devcontainer.json").read_text(), flags=re.MULTILINE)
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_it_has_no_key_that_nobody_reads() -> None:
    assert configuration().keys() == KNOWN


def test_its_user_and_its_files_are_there() -> None:
    found, dockerfile = configuration(), (FOLDER / "Dockerfile").read_text()
    assert (FOLDER / found["build"]["dockerfile"]).exists()
    assert re.search(rf"useradd .* {found['remoteUser']}\b", dockerfile)
    assert found["containerEnv"]["VENV"].startswith(f"/home/{found['remoteUser']}/")


def test_no_default_of_a_variable_holds_a_colon() -> None:
    """`${localEnv:NAME:default}` ends at the next colon: what follows would be lost."""
    for variable in re.findall(r"\$\{localEnv:([^}]*)\}", json.dumps(configuration())):
        assert variable.count(":") <= 1, variable
