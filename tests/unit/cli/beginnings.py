"""The first steps of sessions, which `scenarios.py` and `troubled.py` continue."""

from datetime import datetime, timedelta
from typing import Any

from amalthea.api.schema import Manifest
from amalthea.model.views.door import Reported
from amalthea.testing import observations as found
from amalthea.testing.builders import SessionBuilder
from tests.unit.cli.lives import RUN, Life, at
from tests.unit.cli.parts import LAB

WORKLOAD = found.statefulset(run_id=RUN)
ASLEEP = found.statefulset(replicas=0)
DOOR = found.container("authproxy", ready=True)
POD = found.pod(found.container(ready=True), DOOR)
PREPARED = found.pod(
    found.container(state=found.waiting("ContainerCreating")),
    found.container("authproxy", found.waiting("ContainerCreating")),
    phase="Pending",
)


def leaving(since: str, **status: Any) -> Manifest:  # noqa: ANN401
    """Return a pod that is being stopped, to be gone half a minute after that."""
    pod = found.pod(found.container(ready=True), DOOR, leaving=True, **status)
    pod["metadata"]["deletionTimestamp"] = f"{at(since):%Y-%m-%dT%H:%M:%SZ}"
    return pod


def began(builder: SessionBuilder = LAB) -> Life:
    """Return a session whose run began at 13:00:00, looked at first when its workload was made."""
    return Life(builder).meet(WORKLOAD).look(at("13:00:01"))


def ran() -> Life:
    """Return a session that was ready at 13:00:41, and computed."""
    return began().meet(WORKLOAD, POD).look(at("13:00:41"), cores="1.2")


def fell_idle(since: str, asked: datetime) -> Life:
    """Return a session in which nobody has worked since then, as its door said as well when it was asked."""
    life = ran().look(at(since), cores="0.003")
    return life.look(asked + timedelta(seconds=1), cores="0.003", door=Reported(asked, at("13:50:00")))


def slept(manager: str, life: Life | None = None) -> Life:
    """Return a session that was paused by somebody at 15:00, or before the operator's own time limit."""
    asleep = (life or ran()).become(LAB.paused_by(manager, "2026-11-22T15:00:00Z"))
    asleep = asleep.meet(ASLEEP, leaving("15:00:30")).look(at("15:00:01"))
    return asleep.meet(ASLEEP).look(at("15:00:31"))
