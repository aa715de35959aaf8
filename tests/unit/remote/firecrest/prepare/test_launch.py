"""The command that starts a session's program, by the settings: folders, references, and what is refused."""

import pytest

from amalthea.remote import settings as common
from amalthea.remote.errors import Refused
from amalthea.remote.firecrest import settings
from amalthea.remote.firecrest.prepare import launch
from amalthea.remote.firecrest.prepare.image import docker
from amalthea.remote.firecrest.prepare.launch import Mount, Place
from amalthea.remote.firecrest.settings import FirecrestSettings, Program, Runtime
from amalthea.remote.settings import SettingsError

POD = {"RENKU_WORKING_DIR": "/home/ada/work/", "RENKU_MOUNT_DIR": "/home/ada"}
PLACE = Place("/s", "/s/work", "/s/work", [], [])


def read(**env: str) -> FirecrestSettings:
    return settings.read(common.read([], env))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "/s/work"),
        ("/home/ada/work", "/s/work"),
        ("/home/ada/work/project/", "/s/work/project"),
        ("/home/ada/workshop", "/s/work/workshop"),
        ("/home/ada", "/s/work"),
        ("/opt/app", "/opt/app"),
        ("project", "/s/work/project"),
    ],
)
def test_the_pods_folder_of_the_users_files_is_the_one_on_the_cluster(wanted: str, found: str) -> None:
    given = FirecrestSettings("", "", program=Program.SPEC, working_dir=wanted)
    assert launch.working_dir(given, POD, "/s/work") == found


def test_an_image_that_decides_what_runs_decides_where() -> None:
    assert launch.working_dir(FirecrestSettings("", "", working_dir="/opt/app"), POD, "/s/work") == "/s/work"


@pytest.mark.parametrize(
    ("runtime", "program"),
    [
        ("", Program.IMAGE),
        ("environment", Program.IMAGE),
        ("pyxis", Program.IMAGE),
        ("Apptainer", Program.SPEC),
        ("host", Program.SPEC),
    ],
)
def test_with_enroot_the_image_decides_unless_a_setting_says_otherwise(runtime: str, program: Program) -> None:
    assert read(RSC_FIRECREST_RUNTIME=runtime).program is program
    assert read(RSC_FIRECREST_RUNTIME=runtime, RSC_FIRECREST_PROGRAM="spec").program is Program.SPEC
    assert read(RSC_FIRECREST_RUNTIME=runtime, RSC_FIRECREST_PROGRAM="image").program is Program.IMAGE


def test_command_and_arguments_come_as_they_are() -> None:
    found = read(
        RSC_SESSION_COMMAND='["a b", "it\'s"]', RSC_SESSION_ARGS='["\\u2603", ""]', RSC_SESSION_WORKING_DIR="/w"
    )
    assert (found.command, found.args, found.working_dir) == (("a b", "it's"), ("☃", ""), "/w")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("RSC_FIRECREST_RUNTIME", "docker", "one of environment, pyxis, apptainer, host"),
        ("RSC_FIRECREST_PROGRAM", "me", "one of image, spec"),
        ("RSC_SESSION_COMMAND", "jupyter lab", "write JSON"),
        ("RSC_SESSION_ARGS", '["a", 1]', "write JSON"),
        ("RSC_SESSION_ARGS", '["a\\u0000"]', "write JSON"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_remedy(variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable}.*{says}"):
        read(**{variable: value})


def test_the_plain_host_needs_a_command_and_the_others_an_image() -> None:
    with pytest.raises(Refused, match=r"set spec\.session\.command"):
        launch.command_line(FirecrestSettings("", "", runtime=Runtime.HOST, args=("x",)), "image", PLACE)
    with pytest.raises(Refused, match="the session needs an image"):
        launch.command_line(FirecrestSettings("", ""), "", PLACE)


def test_a_path_that_would_be_read_as_two_is_refused() -> None:
    place = Place("/s", "/s/work", "/s/work", [Mount("/a,b", "/a,b")], [])
    for runtime in (Runtime.PYXIS, Runtime.APPTAINER):
        with pytest.raises(Refused, match="/a,b cannot be mounted"):
            launch.command_line(FirecrestSettings("", "", runtime=runtime), "image", place)


@pytest.mark.parametrize(
    ("image", "spelled"),
    [
        ("python", "docker.io/library/python:latest"),
        ("harbor.x/a/b:t@sha256:" + "d" * 64, "harbor.x/a/b@sha256:" + "d" * 64),
    ],
)
def test_apptainer_gets_a_tag_or_a_digest_never_both(image: str, spelled: str) -> None:
    assert docker(image) == spelled
