"""A command that is advised is one that works: in the reader's namespace, and for a session that takes changes."""

import json
import shlex
from dataclasses import replace

import msgspec
import pytest

from amalthea.api.reasons import Failure, Reason
from amalthea.api.types import Condition
from amalthea.cli.compose.advice import advice
from amalthea.cli.compose.limits import coming
from amalthea.cli.compose.remedies import REMEDIES
from amalthea.cli.compose.situation import Situation
from amalthea.testing import observations as found
from tests.unit.cli.beginnings import WORKLOAD, began
from tests.unit.cli.lives import at
from tests.unit.cli.parts import LAB, NOW, known, status
from tests.unit.cli.scenarios import SCENARIOS


def commands(name: str) -> list[str]:
    """Return the commands that are advised in a scenario."""
    it = SCENARIOS[name]()
    return [each.command for each in advice(Situation(it, "kubectl -n team", coming(it, NOW), NOW)) if each.command]


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
    assert "create a new session" in first.text


def test_a_job_that_has_ended_is_not_to_be_changed() -> None:
    killed = found.pod(found.container(state=found.terminated(137, "OOMKilled")), phase="Failed")
    ended = found.job(found.condition("Failed", "True"))
    it = known(LAB.as_job(), status("Failed", error="out of memory"), killed, workload=ended)

    first = advice(Situation(it, "kubectl", (), NOW))[0]

    assert (first.command, "does not run again" in first.text) == (None, True)


@pytest.mark.parametrize(
    ("limits", "word"), [({"memory": "2Gi"}, "4096Mi"), ({}, "MEMORY"), ({"memory": "?"}, "MEMORY")]
)
def test_a_session_that_ran_out_of_memory_is_offered_twice_as_much(limits: dict[str, str], word: str) -> None:
    killed = found.pod(found.container(state=found.terminated(137, "OOMKilled")))
    it = known(LAB.with_session(resources={"limits": limits}), status("Failed", error="out of memory"), killed)

    assert word in str(advice(Situation(it, "kubectl", (), NOW))[0].command)


def test_an_idle_user_learns_how_to_keep_the_session() -> None:
    assert any("lastInteraction" in each for each in commands("running_and_idle"))
    assert not any("lastInteraction" in each for each in commands("running"))


def test_files_are_not_thrown_away_without_a_word() -> None:
    it = SCENARIOS["paused_by_user"]()
    (deletion,) = [e for e in advice(Situation(it, "kubectl", (), NOW)) if e.command and "delete" in e.command]
    assert "permanently" in deletion.text


@pytest.mark.parametrize("code", [*Failure, Reason.INVALID_SPEC, Reason.NAME_TAKEN, Reason.REFUSED, Reason.TERMINATING])
def test_everything_that_can_be_wrong_has_a_remedy(code: str) -> None:
    it = SCENARIOS["running"]()
    view = it.observed.session
    status = msgspec.structs.replace(view.status, conditions=[Condition(type="Healthy", status="False", reason=code)])
    ill = replace(it, observed=replace(it.observed, session=msgspec.structs.replace(view, status=status)))
    well = advice(Situation(it, "kubectl", (), NOW))

    assert code in REMEDIES
    cures = [each.text for each in advice(Situation(ill, "kubectl", (), NOW)) if each not in well]
    assert cures or code == Failure.CRASHED  # whose log is offered anyway


LOGS = {
    "door_misconfigured": ["authproxy", "amalthea-session"],
    "clone_failed": ["git-clone-0"],
    "crashed": ["amalthea-session"],
    "something_beside_it_fails": ["authproxy", "amalthea-session"],
    "node_lost": [],
    "starting": [],
}


@pytest.mark.parametrize(("name", "containers"), LOGS.items(), ids=LOGS)
def test_the_log_that_is_read_is_that_of_the_container_in_trouble(name: str, containers: list[str]) -> None:
    logs = [shlex.split(each) for each in commands(name) if " logs " in each]
    assert [words[words.index("-c") + 1] for words in logs] == containers


RESTARTS = {"always": "restarts it", "whenFailedOrHibernated": "pause and resume it", "never": "create a new session"}


@pytest.mark.parametrize(("strategy", "said"), RESTARTS.items(), ids=RESTARTS)
def test_a_change_that_restarts_a_running_session_or_waits_says_so(strategy: str, said: str) -> None:
    killed = found.pod(found.container(ready=True, last=found.terminated(137, "OOMKilled")))
    it = known(LAB.with_spec(reconcileStrategy=strategy), status("Running"), killed)

    assert said in advice(Situation(it, "kubectl", (), NOW))[0].text


def test_a_user_who_cannot_choose_the_image_is_referred_to_the_admin() -> None:
    waits = found.container("authproxy", found.waiting("ImagePullBackOff", "not found"))
    life = began().meet(WORKLOAD, found.pod(found.container(), waits, phase="Pending")).look(at("13:01:00"))

    assert advice(Situation(life.known(), "kubectl", (), NOW))[0].text.startswith("Ask your admin")
