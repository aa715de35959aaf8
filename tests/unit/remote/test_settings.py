"""Settings: names that others write, clear words for what is missing, and never a secret in a message or a log."""

import pytest

from amalthea.remote import kinds, settings
from amalthea.remote.firecrest import settings as firecrest
from amalthea.remote.settings import FLAGS, SECRETS, Options, SettingsError
from tests.unit.remote.site import ENV

TOKENS = {"RSC_AUTH_RENKU_ACCESS_TOKEN": "s3cret-1", "RSC_AUTH_RENKU_REFRESH_TOKEN": "s3cret-2"}
GOOD = ENV | TOKENS
RUNAI = {
    "RSC_RUNAI_BASE_URL": "https://runai.example.org",
    "RSC_RUNAI_PROJECT": "lab",
    "RSC_AUTH_KIND": "client_credentials",
    "RSC_AUTH_RUNAI_CLIENT_ID": "id",
    "RSC_AUTH_RUNAI_CLIENT_SECRET": "s3cret-3",
}


def options(**env: str) -> Options:
    return settings.read([], env)


def test_a_flag_wins_over_its_variable_and_an_empty_variable_is_none() -> None:
    read = settings.read(["--session-port", "1", "--firecrest-partition=gpu"], {"RSC_SESSION_PORT": "2"})
    assert (read.get("session-port"), read.get("firecrest-partition")) == ("1", "gpu")
    assert options(RSC_SESSION_URL_PATH="", RSC_SERVER_PORT=" ").get("session-url-path") == "/"
    assert settings.common(options(RSC_SERVER_PORT="")).server_port == 65532


@pytest.mark.parametrize(
    ("arguments", "value"),
    [(["--fake-start"], True), (["--fake-start=true"], True), (["--fake-start=T"], True), (["--fake-start=0"], False)],
)
def test_a_truth_value_is_read_as_go_reads_it(arguments: list[str], *, value: bool) -> None:
    assert settings.common(settings.read(arguments, {})).fake_start is value


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"RSC_READINESS_PROBE_TYPE": "grpc"}, "invalid readiness probe type: grpc"),
        ({"RSC_SESSION_PORT": "http"}, "RSC_SESSION_PORT is not a port"),
        ({"RSC_SERVER_PORT": "70000"}, "RSC_SERVER_PORT is not a port"),
        ({"RSC_FAKE_START": "yes"}, "RSC_FAKE_START is neither true nor false"),
    ],
)
def test_what_cannot_be_used_is_named(env: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        settings.common(options(**env))


def test_a_flag_that_there_is_not_is_told() -> None:
    with pytest.raises(SettingsError, match="unrecognized arguments: --fly"):
        settings.read(["--fly"], {})


def test_nothing_secret_is_shown() -> None:
    read = options(
        **GOOD, RSC_AUTH_FIRECREST_CLIENT_SECRET="s3cret-4", **{k: v for k, v in RUNAI.items() if k not in GOOD}
    )
    assert "s3cret" not in f"{read} {read.shown()}"
    assert read.shown()["auth-renku-access-token"] == "<redacted>"
    assert {
        *("auth-renku-access-token", "auth-renku-refresh-token", "auth-renku-client-secret"),
        *("auth-firecrest-client-secret", "auth-runai-client-secret"),
    } == SECRETS
    assert len(FLAGS) == 24


@pytest.mark.parametrize(
    ("env", "kind"),
    [(GOOD, "firecrest"), (RUNAI, "runai"), (GOOD | {"RSC_RUNAI_BASE_URL": "https://x"}, "firecrest")],
)
def test_the_kind_is_the_one_whose_settings_are_there(env: dict[str, str], kind: str) -> None:
    assert kinds.choose(options(**env)).name == kind


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "RSC_FIRECREST_API_URL, RSC_FIRECREST_SYSTEM_NAME is not set"),
        (GOOD | {"RSC_FIRECREST_API_URL": "firecrest"}, "RSC_FIRECREST_API_URL is not a URL"),
        (GOOD | {"RSC_AUTH_KIND": ""}, "RSC_AUTH_KIND is not a known kind"),
        (GOOD | {"RSC_AUTH_KIND": "magic"}, "set it to one of client_credentials, renku, renku_v2"),
        (GOOD | {"RSC_AUTH_RENKU_ACCESS_TOKEN": ""}, "which needs RSC_AUTH_RENKU_ACCESS_TOKEN"),
        (GOOD | {"RSC_AUTH_KIND": "renku"}, "RSC_AUTH_RENKU_CLIENT_ID, RSC_AUTH_RENKU_CLIENT_SECRET"),
        (RUNAI | {"RSC_RUNAI_PROJECT": "", "RSC_REMOTE_KIND": "runai"}, "project is not set; set RSC_RUNAI_PROJECT"),
        (RUNAI | {"RSC_AUTH_RUNAI_CLIENT_ID": "", "RSC_REMOTE_KIND": "Runai"}, "RSC_AUTH_RUNAI_CLIENT_ID is not set"),
        (RUNAI | {"RSC_AUTH_KIND": "renku", "RSC_REMOTE_KIND": "runai"}, "which is the only kind that Run:ai knows"),
    ],
)
def test_where_no_kind_has_all_it_needs_the_named_kinds_lack_is_told(env: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says) as raised:
        kinds.choose(options(**env))
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("forward", "asked"), [("true", ("2", "1024", "1")), ("TRUE", ("2", "1024", "1")), ("", ("",) * 3)]
)
def test_resources_are_asked_for_only_where_that_is_wanted(forward: str, asked: tuple[str, str, str]) -> None:
    amounts = {"RSC_SESSION_CPU": "2", "RSC_SESSION_MEMORY": "1024", "RSC_SESSION_GPUS": "1"}
    read = firecrest.read(options(**GOOD, **amounts, RSC_FIRECREST_FORWARD_RESOURCE_VALUES=forward))
    assert (read.cpus, read.memory, read.gpus) == asked
    assert read.url == "https://firecrest.example.org/v2"


@pytest.mark.parametrize(("seconds", "minutes"), [("", 0), ("0", 0), ("1", 1), ("61", 2), ("7200", 120)])
def test_the_time_limit_is_never_shorter_than_the_sessions(seconds: str, minutes: int) -> None:
    assert firecrest.read(options(**GOOD, RSC_SESSION_MAX_AGE_SECONDS=seconds)).walltime == minutes


def test_a_time_limit_that_is_none_is_named() -> None:
    with pytest.raises(SettingsError, match="RSC_SESSION_MAX_AGE_SECONDS is not a number"):
        firecrest.read(options(**GOOD, RSC_SESSION_MAX_AGE_SECONDS="2h"))
