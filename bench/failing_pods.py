"""Pods that fail: a program that crashes and comes back a little later, and a node that evicts a pod.

Nothing runs in the pods of the chaos, so their statuses are written as a kubelet would write them. Kubernetes' own
controller replaces a pod that was evicted.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from amalthea.api import names
from amalthea.model.times import rfc3339
from bench.world import NAMESPACE
from lab.control_plane.api import Api, ApiError

CRASHED_FOR = 4.0
"""Seconds until a program that crashed runs again."""
EACH = 5
"""Of so many sessions one has a pod that fails now and then."""

Status = dict[str, Any]


def fragile(sessions: Sequence[str]) -> list[str]:
    """Return the sessions whose pods fail now and then."""
    return list(sessions[::EACH])


def crashed(status: Status, at: str) -> Status:
    """Return what a kubelet says of a pod in which the session's own program has crashed and waits to be started."""
    ended = {"exitCode": 1, "reason": "Error", "finishedAt": at}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
    return _with(status, at, {"state": waiting, "lastState": {"terminated": ended}}, ready=False)


def recovered(status: Status, at: str) -> Status:
    """Return what a kubelet says when that program runs again."""
    return _with(status, at, {"state": {"running": {"startedAt": at}}}, ready=True)


def evicted(status: Status, at: str) -> Status:
    """Return what a kubelet says of a pod that it evicts."""
    message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi."
    told = {"phase": "Failed", "reason": "Evicted", "message": message}
    return {**told, "containerStatuses": [], "conditions": _conditions(status, at, "False")}


def _with(status: Status, at: str, own: Status, *, ready: bool) -> Status:
    containers = [
        {**each, **own, "ready": ready, "restartCount": each["restartCount"] + (not ready)}
        if each["name"] == names.CONTAINER_SESSION
        else each
        for each in status["containerStatuses"]
    ]
    return {"containerStatuses": containers, "conditions": _conditions(status, at, "True" if ready else "False")}


def _conditions(status: Status, at: str, ready: str) -> list[dict[str, str]]:
    others = [each for each in status["conditions"] if each["type"] not in ("Ready", "ContainersReady")]
    own = [{"type": each, "status": ready, "lastTransitionTime": at} for each in ("ContainersReady", "Ready")]
    return [*others, *own]


@dataclass(frozen=True)
class _Pod:
    path: str
    uid: str
    status: Status


class FailingPods:
    """Makes one pod after the other fail, and well again."""

    def __init__(self, api: Api, sessions: Sequence[str]) -> None:
        self._api = api
        self._sessions = sessions
        self._turns = itertools.cycle(sessions)
        self.crashes = 0
        self.evictions = 0

    async def fail(self, every: float, seconds: float) -> None:
        """Have another pod fail each `every` seconds, for so long; then all are well."""
        begun = time.monotonic()
        async with asyncio.TaskGroup() as failing:
            for act in itertools.cycle((self._crash, self._evict)):
                await asyncio.sleep(every)
                if time.monotonic() - begun > seconds - CRASHED_FOR:
                    return
                if (pod := await asyncio.to_thread(self._next)) is not None:
                    failing.create_task(act(pod))

    async def _crash(self, pod: _Pod) -> None:
        broken = crashed(pod.status, _now())
        if await asyncio.to_thread(self._write, pod, broken):
            self.crashes += 1
            await asyncio.sleep(CRASHED_FOR)
            await asyncio.to_thread(self._write, pod, recovered({**pod.status, **broken}, _now()))

    async def _evict(self, pod: _Pod) -> None:
        self.evictions += await asyncio.to_thread(self._write, pod, evicted(pod.status, _now()))

    def _next(self) -> _Pod | None:
        """Return the pod of the next session that has one which is well; None if there is none."""
        sessions = itertools.islice(self._turns, len(self._sessions))
        return next(filter(None, map(self._well, sessions)), None)

    def _well(self, session: str) -> _Pod | None:
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{session}-0"
        try:
            found = self._api.get(path)
        except ApiError as error:
            _expect_gone(error)
            return None
        metadata, status = found["metadata"], found["status"]
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))
        return _Pod(path, metadata["uid"], status) if ready and "deletionTimestamp" not in metadata else None

    def _write(self, pod: _Pod, status: Status) -> bool:
        """Write the status of a pod; return whether it is still there, and no other one of its name."""
        try:
            self._api.patch(f"{pod.path}/status", {"metadata": {"uid": pod.uid}, "status": status})
        except ApiError as error:
            _expect_gone(error)
            return False
        return True


def _expect_gone(error: ApiError) -> None:
    if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
        raise error


def _now() -> str:
    return rfc3339(datetime.now(UTC))
