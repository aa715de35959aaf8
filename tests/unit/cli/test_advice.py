"""A command that is advised is one that works: in the reader's namespace, and for a session that takes changes."""

import json
import shlex

import pytest

from amalthea.cli.advice import Situation, advice
from amalthea.cli.limits import coming
from amalthea.testing import observations as found
from tests.unit.cli.parts import LAB, NOW, known, status
from tests.unit.cli.scenarios import SCENARIOS


def commands(name: str) -> list[str]:
    """Return the commands that are advised in a scenario."""
    it = SCENARIOS[name]()
    return [each.command for each in advice(Situation(it, "kubectl -n team", coming(it), NOW)) if each.command]


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_patch_is_one_that_a_shell_and_the_api_server_read(name: str) -> None:
    for command in commands(name):
        words = shlex.split(command)
        assert words[0] == "kubectl"
        if "patch" in words:
            assert set(json.loads(words[-1])) == {"spec"}


def test_a_session_that_takes_no_changes_is_not_to_be_changed() -> None:
    killed = found.pod(found.container(state=found.terminated(137, "OOMKilled")))
    it = known(LAB.with_spec(reconcileStrategy="never"), status("Failed", error="out of memory"), killed)

    first = advice(Situation(it, "kubectl", (), NOW))[0]

    assert first.command is None
    assert "make a new session" in first.text


def test_a_job_that_has_ended_is_not_to_be_changed() -> None:
    killed = found.pod(found.container(state=found.terminated(137, "OOMKilled")), phase="Failed")
    ended = found.job(found.condition("Failed", "True"))
    it = known(LAB.as_job(), status("Failed", error="out of memory"), killed, workload=ended)

    first = advice(Situation(it, "kubectl", (), NOW))[0]

    assert (first.command, "is not run again" in first.text) == (None, True)


@pytest.mark.parametrize(
    ("limits", "word"), [({"memory": "2Gi"}, "4096Mi"), ({}, "MEMORY"), ({"memory": "?"}, "MEMORY")]
)
def test_who_ran_out_of_memory_is_offered_twice_as_much(limits: dict[str, str], word: str) -> None:
    killed = found.pod(found.container(state=found.terminated(137, "OOMKilled")))
    it = known(LAB.with_session(resources={"limits": limits}), status("Failed", error="out of memory"), killed)

    assert word in str(advice(Situation(it, "kubectl", (), NOW))[0].command)


def test_whoever_is_idle_is_told_how_to_stay() -> None:
    assert any("lastInteraction" in each for each in commands("running_and_idle"))
    assert not any("lastInteraction" in each for each in commands("running"))


def test_files_are_not_thrown_away_without_a_word() -> None:
    it = SCENARIOS["paused_by_user"]()
    (deletion,) = [e for e in advice(Situation(it, "kubectl", (), NOW)) if e.command and "delete" in e.command]
    assert "for ever" in deletion.text
