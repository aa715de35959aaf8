"""Whatever objects an API server may hold, no step may raise on them, and each session costs only so much.

Seconds here; `make fuzz` goes on for minutes (FUZZ_EXAMPLES).
"""

import os

import msgspec
from hypothesis import HealthCheck, event, given, settings

from amalthea.children.changes.writes import Create
from amalthea.children.shared.limits import LARGEST_CHILDREN
from tests.support import every_step
from tests.support.every_step import Seen
from tests.support.odd_objects import KEY, World, worlds

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "50"))
MOST_CPU = 0.05
"""Seconds of one core for all that is done with a session in a pass."""


def bounded(seen: Seen) -> None:
    assert sum(len(msgspec.json.encode(each)) for each in seen.made) <= LARGEST_CHILDREN
    assert all(problem.field and problem.remedy for problem in seen.plan.problems)
    if seen.plan.problems:
        assert any(each.type == "Accepted" and each.message for each in seen.outcome.status.conditions or ())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_no_step_raises_whatever_there_is(world: World) -> None:
    try:
        caches = every_step.caches_of(world)
    except msgspec.ValidationError:
        event("unreadable")
        return  # the reflector leaves out what cannot be read, and says so
    every_step.audited(world.children, caches)
    seen = every_step.look(world, caches)
    event(seen.plan.course.name)
    bounded(seen)
    assert seen.outcome.status.state
    assert not any(isinstance(write, Create) for write in seen.changes.writes) or seen.plan.awaited_pod is not None
    every_step.audited(every_step.edited(world, seen), caches)
    assert f'name="{KEY[1]}"' in every_step.scraped(caches)
    assert KEY[1] in every_step.explained(world, every_step.gathered(world, caches))
    _, seconds = every_step.cpu(world, MOST_CPU)
    assert seconds < MOST_CPU
