"""The age of a state is half of the news: a wrong time sends people looking in the wrong place."""

from datetime import datetime

import pytest

from amalthea.cli.compose.headline import DATED, cause, headline, reason, since
from tests.unit.cli.lives import at
from tests.unit.cli.scenarios import SCENARIOS

TIMES: dict[str, datetime | None] = {
    "starting": at("13:00:00"),
    "running": at("13:00:41"),
    "stopped_answering": at("15:05:00"),
    "started_anew_by_kubernetes": at("15:09:30"),
    "node_lost": at("13:59:30"),
    "being_paused": at("15:09:55"),
    "about_to_be_resumed": None,
    "no_room_for_too_long": at("13:10:01"),
}


@pytest.mark.parametrize(("name", "time"), TIMES.items(), ids=TIMES)
def test_since_when_it_is_so_is_when_it_became_so(name: str, time: datetime | None) -> None:
    assert since(SCENARIOS[name]()) == time


REASONS = {
    "failed_for_a_bad_image": "ImageNotFound",
    "secret_missing": "DependencyMissing",
    "name_taken": "NameTaken",
    "invalid_spec": "InvalidSpec",
    "starting": "PullingImages",
    "starting_without_room": "Unschedulable",
    "paused_for_idleness": "Idle",
    "paused_by_user": "User",
    "being_paused": "User",
    "running": "Running",
    "stopped_answering": "NotReady",
    "being_deleted": "Deleting",
    "job_cut_off": "JobTooLong",
    "new": "",
}


@pytest.mark.parametrize(("name", "word"), REASONS.items(), ids=REASONS)
def test_programs_get_a_stable_word_for_why_it_is_so(name: str, word: str) -> None:
    assert reason(SCENARIOS[name]()) == word


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_headline_with_a_time_has_a_form_for_it(name: str) -> None:
    it = SCENARIOS[name]()
    timeless = {"is being paused", "is about to be resumed"}

    assert headline(it) in timeless or "{ago}" in DATED[headline(it)]


def test_containers_are_not_counted_against_what_the_cause_says() -> None:
    assert not [name for name, find in SCENARIOS.items() if "2 of 2 containers" in cause(find())]
