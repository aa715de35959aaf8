"""Messages of registries, kubelets and programs are searched for known words: a page of them must cost no time."""

from collections.abc import Callable

import pytest

from amalthea.api.schema import Manifest
from amalthea.model.views.objects import LONGEST_MESSAGE
from amalthea.testing import observations as found
from amalthea.testing.builders import session
from tests.support import every_step
from tests.support.odd_objects import UID, WORKLOAD_UID, World, of

MOST_CPU = 0.05
"""Seconds of one core that a pass may take."""
LENGTH = 50_000
SAID = ("a", '"', "secret ", "=,", "exceeded quota: a, requested: ")


def waiting(reason: str, said: str) -> Manifest:
    return found.pod(found.container(state={"waiting": {"reason": reason, "message": said}}))


def ended(reason: str, said: str) -> Manifest:
    return found.pod(found.container(state={"terminated": {"exitCode": 128, "reason": reason, "message": said}}))


PODS: dict[str, Callable[[str], Manifest]] = {
    "an image": lambda said: waiting("ErrImagePull", said),
    "a configuration": lambda said: waiting("CreateContainerConfigError", said),
    "a command": lambda said: ended("StartError", said),
    "no node": found.unscheduled_pod,
    "an eviction": lambda said: {**found.pod(), "status": {"phase": "Failed", "reason": "Evicted", "message": said}},
}


def world(pod: Manifest, said: str) -> World:
    workload = found.statefulset()
    workload["metadata"] |= {"uid": WORKLOAD_UID, "ownerReferences": [{"uid": UID, "controller": True}]}
    pod["metadata"] |= {"ownerReferences": [{"uid": WORKLOAD_UID, "controller": True}]}
    events = [found.event(pod["metadata"]["uid"], "FailedMount", said), found.event(WORKLOAD_UID, "FailedCreate", said)]
    return World(of(session().spec()), (("StatefulSet", workload), ("Pod", pod)), tuple(events))


@pytest.mark.parametrize("kind", PODS)
@pytest.mark.parametrize("said", SAID)
def test_a_very_long_message_costs_no_time_and_is_shortened(kind: str, said: str) -> None:
    words = said * (LENGTH // len(said))
    seen, seconds = every_step.cpu(world(PODS[kind](words), words), MOST_CPU)
    assert seconds < MOST_CPU
    assert len(seen.outcome.status.error or "") < LONGEST_MESSAGE + 500
