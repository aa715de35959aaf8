"""A user who changes their mind while the operator still does what they asked for before sees nothing untrue."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from amalthea.api.event_reasons import EventReason
from amalthea.api.types import Status
from amalthea.kube.client import Client
from amalthea.model.status.transitions import transition
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Happened, Objects
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import container, pod
from tests.support.loop import PATHS, Loop, nobody

KEY = ("team", "demo")
START = datetime(2026, 11, 29, 14, tzinfo=UTC)


def _wish(objects: Objects, *, hibernated: bool) -> None:
    seen = objects.get(PATHS["AmaltheaSession"], KEY)
    objects.update(PATHS["AmaltheaSession"], KEY, {**seen, "spec": {**seen["spec"], "hibernated": hibernated}})


def _give_pod(objects: Objects) -> None:
    owner = objects.get(PATHS["StatefulSet"], KEY)["metadata"]
    reference = {"kind": "StatefulSet", "name": "demo", "uid": owner["uid"], "controller": True}
    metadata = {"name": "demo-0", "labels": owner["labels"], "ownerReferences": [reference]}
    objects.create(PATHS["Pod"], KEY[0], {**pod(container(ready=True)), "metadata": metadata})


async def test_a_pause_that_is_taken_back_while_it_is_written_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeApi() as api, Client(api.config) as client:
        objects, statuses = api.objects, [Status()]
        loop = Loop(api, client, FakeClock(START), KEY, nobody)

        def note(change: Happened) -> None:
            if change.kind == PATHS["AmaltheaSession"]:
                statuses.append(msgspec.convert(change.object.get("status", {}), Status))

        objects.create(PATHS["AmaltheaSession"], KEY[0], session().manifest())
        await loop.run(START)
        _give_pod(objects)
        await loop.run(START)
        objects.listeners.append(note)

        write = client.patch_json
        taken_back: list[str] = []

        async def patch_json(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  (passed on as they are)
            done = await write(*arguments, **options)
            if not taken_back:
                taken_back.append(arguments[0].plural)
                objects.delete(PATHS["Pod"], (KEY[0], "demo-0"), {})
                _wish(objects, hibernated=False)
            return done

        monkeypatch.setattr(client, "patch_json", patch_json)
        _wish(objects, hibernated=True)
        await loop.run(START)
        _give_pod(objects)
        await loop.run(START)

    assert taken_back == ["statefulsets"]
    events = [event.reason for old, new in pairwise(statuses) if (event := transition(old, new)) is not None]
    assert EventReason.NOT_READY not in events
    assert statuses[-1].state == "Running"
