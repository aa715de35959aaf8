"""The web back end's variables, entries without a value too; and what cannot be used is reported by its name alone."""

import json
import re
from pathlib import Path

import pytest

from amalthea.sidecars.cloner.errors import Misconfigured
from amalthea.sidecars.cloner.variables import Repository, Sentry, User, Variables, read

REPOSITORY = json.dumps({"url": "https://h.org/a"})


def _given(**values: str) -> dict[str, str]:
    return {f"GIT_CLONE_{name}": value for name, value in {"MOUNT_PATH": "/work", **values}.items()}


def test_all_of_them() -> None:
    entry = {"url": "https://h.org/a", "provider": "hub", "branch": "main", "commit_sha": "abc"}
    provider = {"id": "hub", "access_token_url": "https://renku.org/token"}

    assert read(
        _given(
            LFS_AUTO_FETCH="1",
            IS_GIT_PROXY_ENABLED="1",
            GIT_PROXY_PORT="65480",
            USER__USERNAME="ada",
            USER__EMAIL="ada@example.org",
            USER__FULL_NAME="Ada Lovelace",
            USER__RENKU_TOKEN="hush",
            SENTRY__ENABLED="true",
            SENTRY__DSN="https://key@sentry.example.org/1",
            SENTRY__ENVIRONMENT="test",
            SENTRY__SAMPLE_RATE="0.5",
            REPOSITORIES_0_=json.dumps(entry),
            GIT_PROVIDERS_0_=json.dumps(provider),
        )
        | {"SENTRY_RELEASE": "1.2"}
    ) == Variables(
        mount_path=Path("/work"),
        repositories=(Repository("https://h.org/a", "GIT_CLONE_REPOSITORIES_0_", "hub", "main", "abc"),),
        providers={"hub": "https://renku.org/token"},
        user=User("Ada Lovelace", "ada@example.org", "hush"),
        large_files=True,
        proxy_port=65480,
        sentry=Sentry("https://key@sentry.example.org/1", "test", "1.2", 0.5),
    )


def test_nothing_but_a_place_is_fine() -> None:
    assert read(_given()) == Variables(Path("/work"))


def test_an_anonymous_user_has_no_token_and_a_name_is_better_than_none() -> None:
    assert read(_given(USER__RENKU_TOKEN="None", USER__USERNAME="ada")).user == User("ada")


def test_lists_end_at_the_first_gap_and_an_empty_entry_is_none() -> None:
    given = _given(REPOSITORIES_0_="", REPOSITORIES_1_=REPOSITORY, REPOSITORIES_3_=REPOSITORY, GIT_PROVIDERS_0_=" ")

    read_back = read(given)

    assert [repository.variable for repository in read_back.repositories] == ["GIT_CLONE_REPOSITORIES_1_"]
    assert read_back.providers == {}


def test_null_is_no_value() -> None:
    entry = json.dumps({"url": "https://h.org/a", "provider": None, "branch": None, "commit_sha": None})

    assert read(_given(REPOSITORIES_0_=entry)).repositories == (
        Repository("https://h.org/a", "GIT_CLONE_REPOSITORIES_0_"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MOUNT_PATH", ""),
        ("LFS_AUTO_FETCH", "hush"),
        ("IS_GIT_PROXY_ENABLED", "hush"),
        ("GIT_PROXY_PORT", "hush"),
        ("GIT_PROXY_PORT", "70000"),
        ("GIT_PROXY_PORT", "1" * 5000),
        ("GIT_PROXY_PORT", "٣"),
        ("GIT_PROXY_PORT", ""),
        ("SENTRY__SAMPLE_RATE", "hush"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_name_alone(name: str, value: str) -> None:
    given = {"IS_GIT_PROXY_ENABLED": "1", "GIT_PROXY_PORT": "1", "SENTRY__ENABLED": "1", name: value}

    with pytest.raises(Misconfigured, match=rf"^GIT_CLONE_{name} .*\.$") as refused:
        read(_given(**given))

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        "hush",
        '["hush"]',
        '{"provider": "hush"}',
        '{"url": null}',
        '{"url": "https://h.org/hush", "branch": "--upload-pack=evil"}',
        '{"url": "https://h.org/hush", "branch": "a\\u0000b"}',
        '{"url": "https://h.org/hush", "commit_sha": "\\ud800"}',
        "[" * 100_000,
        '{"url": ' * 100_000,
    ],
    ids=lambda value: value[:60],
)
def test_one_entry_that_cannot_be_used_keeps_no_other_repository_away(value: str) -> None:
    bad, good = read(_given(REPOSITORIES_0_=value, REPOSITORIES_1_=REPOSITORY)).repositories

    assert re.match(r"GIT_CLONE_REPOSITORIES_0_ has .*\.$", bad.fault)
    assert "hush" not in bad.fault
    assert good == Repository("https://h.org/a", "GIT_CLONE_REPOSITORIES_1_")


@pytest.mark.parametrize(
    "value",
    [
        "{",
        '{"id": "hush"}',
        '{"id": "hush", "access_token_url": null}',
        '{"id": "hush", "access_token_url": "file:///hush"}',
    ],
)
def test_a_provider_that_cannot_be_used_is_left_out_and_told_by_its_name_alone(value: str) -> None:
    provider = json.dumps({"id": "hub", "access_token_url": "https://renku.org/token"})

    found = read(_given(GIT_PROVIDERS_0_=value, GIT_PROVIDERS_1_=provider))

    assert found.providers == {"hub": "https://renku.org/token"}
    (fault,) = found.faults
    assert fault.startswith("GIT_CLONE_GIT_PROVIDERS_0_ needs ")
    assert "hush" not in fault


def test_no_token_and_no_address_is_shown() -> None:
    shown = repr(read(_given(USER__RENKU_TOKEN="hush", REPOSITORIES_0_='{"url": "https://me:hush@h.org/a"}')))

    assert "hush" not in shown
