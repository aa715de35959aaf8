"""The users of the chaos: they play the scripts of their sessions, and insist until the API server does what they ask.

By the metrics API their sessions compute, or rested at its last report, too long ago to say anything. All would be
paused after seconds of rest: so a pause that no user asked for shows that the operator took something unknown for
idleness.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec import Raw

from amalthea.api import names
from amalthea.engine.ports import Key, Unavailable
from amalthea.kube.client import Client
from amalthea.kube.errors import AlreadyExists, NotFound, NotServed
from amalthea.model.views.usage import VALID
from amalthea.operator.inputs.usage_poller import POD_METRICS
from amalthea.operator.kinds import SECRETS, SESSIONS
from bench import manifests
from bench.scripts import Deed, Script
from lab.control_plane import metrics_api

CULLING = {"maxAge": "24h", "maxIdleDuration": "5s", "maxStartingDuration": "1h"}
REPAIRED_WITHIN = 120
"""Seconds within which a pod that failed is well or replaced, an outage left out: after one, Kubernetes' own
controllers back off for up to a minute each."""
_RETRY = 0.5


@dataclass(frozen=True)
class _Measured:
    """The metrics API's report on a session, from its creation on."""

    cpu: str
    age: timedelta


_COMPUTES, _RESTED_LONG_AGO = _Measured("900m", timedelta(0)), _Measured("0", VALID)


def culling(outage: float) -> dict[str, str]:
    """Return the limits of the sessions: who fails is paused if that lasts longer than it rightly can.

    During an outage nobody can make a pod well again, so one that fails right before it stays failed for that long.
    """
    return {**CULLING, "maxFailedDuration": f"{math.ceil(outage) + REPAIRED_WITHIN}s"}


async def play(client: Client, namespace: str, scripts: Mapping[str, Script], limits: Mapping[str, str]) -> None:
    """Play all scripts, side by side, from now on; all sessions have the same limits."""
    begun = time.monotonic()

    async def act_out(number: int, name: str, script: Script) -> None:
        measured = _COMPUTES if number % 3 else _RESTED_LONG_AGO
        user = _User(client, (namespace, name), measured, limits)
        for act in script:
            await asyncio.sleep(begun + act.at - time.monotonic())
            await user.does(act.deed)

    await asyncio.gather(*(act_out(number, *each) for number, each in enumerate(scripts.items())))


class _User:
    def __init__(self, client: Client, session: Key, measured: _Measured, limits: Mapping[str, str]) -> None:
        self._client = client
        self._key = session
        self._measured = measured
        self._limits = limits

    async def does(self, deed: Deed) -> None:
        match deed:
            case Deed.CREATE:
                await self._create()
            case Deed.PAUSE | Deed.RESUME:
                patch = {"spec": {"hibernated": deed is Deed.PAUSE}}
                await _insist(lambda: self._client.patch_merge(SESSIONS, self._key, patch, Raw))
            case Deed.DELETE:
                await _insist(lambda: self._client.delete(SESSIONS, self._key))

    async def _create(self) -> None:
        namespace, name = self._key
        cpu, at = {names.CONTAINER_SESSION: self._measured.cpu}, datetime.now(UTC) - self._measured.age
        measured = metrics_api.measurement(f"{name}-0", names.selector_labels(name), cpu, at)
        session = manifests.session(namespace, name, self._limits)
        await _insist(lambda: self._client.create(SECRETS, namespace, manifests.secret(namespace, name), Raw))
        await _insist(lambda: self._client.create(SESSIONS, namespace, session, Raw))
        await _insist(lambda: self._client.create(POD_METRICS, namespace, measured, Raw))


async def _insist(act: Callable[[], Awaitable[object]]) -> None:
    """Ask until it is done. What a request whose answer was lost had done counts as done."""
    while True:
        try:
            await act()
        except (AlreadyExists, NotFound):
            return
        except (Unavailable, NotServed):
            await asyncio.sleep(_RETRY)
        else:
            return
