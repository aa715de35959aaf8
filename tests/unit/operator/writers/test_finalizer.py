"""A secret that a session adopted goes with it, and not while another session has adopted it too."""

import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from amalthea.api import names
from amalthea.engine.ports import Key
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.gather import gather
from amalthea.operator.writers.finalizer import Finalizer
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice

SESSIONS, SECRETS = f"{names.API_VERSION}/{names.PLURAL}", "v1/secrets"
ADOPTING = {"imagePullSecrets": [{"name": "pull", "adopt": True}]}
REFERRING = {"imagePullSecrets": [{"name": "pull"}]}
NOW = "2026-11-22T13:00:00Z"


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        started.objects.create(SECRETS, "ns", {"metadata": {"name": "pull"}})
        yield started


def session(api: FakeApi, key: Key, spec: dict[str, Any], **metadata: Any) -> Raw:  # noqa: ANN401
    namespace, name = key
    body = {"metadata": {"name": name, **metadata}, "spec": {"hibernated": False, "session": {"image": "x"}, **spec}}
    return Raw(msgspec.json.encode(api.objects.create(SESSIONS, namespace, body)))


async def delete_one(api: FakeApi, *others: Raw) -> bool:
    """Let a session go that adopts a secret; return whether the secret is gone too."""
    async with Client(api.config) as client:
        caches = Caches(lambda *_: None)
        leaving = session(api, ("ns", "one"), ADOPTING, deletionTimestamp=NOW, finalizers=[names.FINALIZER])
        for body in (leaving, *others):
            caches.observe(names.KIND, body)
        observed = gather(caches, ("ns", "one"))
        assert observed is not None
        await Finalizer(client, caches).release(observed)
    return not api.objects.select(Choice(SECRETS))


async def test_an_adopted_secret_goes_with_the_session(api: FakeApi) -> None:
    assert await delete_one(api)


async def test_a_secret_that_another_session_adopted_too_is_left_to_that(api: FakeApi) -> None:
    assert not await delete_one(api, session(api, ("ns", "two"), ADOPTING))


OF_NO_ACCOUNT: dict[str, tuple[Key, dict[str, Any], dict[str, Any]]] = {
    "goes too": (("ns", "two"), ADOPTING, {"deletionTimestamp": NOW, "finalizers": [names.FINALIZER]}),
    "is of another namespace": (("other", "two"), ADOPTING, {}),
    "names it and does not adopt it": (("ns", "two"), REFERRING, {}),
    "says the name elsewhere": (("ns", "two"), {"serviceAccountName": "pull"}, {}),
    "names another": (("ns", "two"), {"imagePullSecrets": [{"name": "pull-2"}]}, {}),
}


@pytest.mark.parametrize(("key", "spec", "metadata"), OF_NO_ACCOUNT.values(), ids=OF_NO_ACCOUNT)
async def test_the_last_one_takes_the_secret_along(
    api: FakeApi, key: Key, spec: dict[str, Any], metadata: dict[str, Any]
) -> None:
    assert await delete_one(api, session(api, key, spec, **metadata))


async def test_a_secret_that_another_session_adopts_later_is_left_to_that(api: FakeApi) -> None:
    was = session(api, ("ns", "two"), REFERRING)
    body = msgspec.json.decode(was)
    metadata = {**body["metadata"], "resourceVersion": str(int(body["metadata"]["resourceVersion"]) + 1)}
    now = Raw(msgspec.json.encode({**body, "metadata": metadata, "spec": {**body["spec"], **ADOPTING}}))
    assert not await delete_one(api, was, now)


def seconds_to_look(count: int) -> float:
    """Return the CPU seconds to find whether a secret is shared, among so many sessions that each adopt one."""
    caches = Caches(lambda *_: None)
    for number in range(count):
        name = f"s{number}"
        spec = {"session": {"image": "x"}, "imagePullSecrets": [{"name": f"pull-{number}", "adopt": True}]}
        metadata = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1"}
        caches.observe(names.KIND, Raw(msgspec.json.encode({"metadata": metadata, "spec": spec})))
    times = []
    for _ in range(7):
        began = time.process_time()
        assert [len(caches.adopters("ns", f"pull-{number}")) for number in range(100)] == [1] * 100
        times.append(time.process_time() - began)
    return min(times)


def test_many_sessions_that_end_at_once_are_not_each_compared_with_all_others() -> None:
    assert seconds_to_look(10_000) < 10 * seconds_to_look(100)


async def test_no_secret_of_a_session_that_stays_is_deleted(api: FakeApi) -> None:
    """The name of one that was deleted is used again, by a copy from a backup that has its finalizer already."""
    async with Client(api.config) as client:
        caches = Caches(lambda *_: None)
        caches.observe(names.KIND, session(api, ("ns", "one"), ADOPTING, finalizers=[names.FINALIZER]))
        observed = gather(caches, ("ns", "one"))
        assert observed is not None
        await Finalizer(client, caches).release(observed)
    assert api.objects.select(Choice(SECRETS))
    assert api.objects.get(SESSIONS, ("ns", "one"))["metadata"]["finalizers"] == [names.FINALIZER]


@pytest.mark.parametrize("code", [401, 408, 409, 429, 500, 503])
async def test_no_adopted_secret_is_left_behind_for_an_answer_that_passes(api: FakeApi, code: int) -> None:
    api.fail("delete", faults.refuse(code))
    with pytest.raises(ApiError):
        await delete_one(api)
    assert api.objects.get(SESSIONS, ("ns", "one"))["metadata"]["finalizers"] == [names.FINALIZER]
