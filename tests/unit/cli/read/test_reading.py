"""Unreadable objects are unknown: they are never taken for absent, and never end the explanation."""

from collections.abc import AsyncIterator

import pytest

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.cli.read import reading
from amalthea.kube.client import Client
from amalthea.kube.errors import NotFound, ServerError
from amalthea.testing import observations as found
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.faults import refuse
from amalthea.testing.builders import SessionBuilder, session

KEY = ("team", "demo")
KINDS = {
    "StatefulSet": "apps/v1/statefulsets",
    "Job": "batch/v1/jobs",
    "Pod": "v1/pods",
    "PersistentVolumeClaim": "v1/persistentvolumeclaims",
}


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[Client]:
    async with Client(api.config) as made:
        yield made


def fill(api: FakeApi, builder: SessionBuilder) -> dict[str, Manifest]:
    """Let the server hold a running session, with an Event on each of its objects; return its objects by kind."""
    held = {names.KIND: api.objects.create("amalthea.dev/v1alpha1/amaltheasessions", "team", builder.manifest())}
    job = builder.raw.get("sessionType") == "NonInteractive"
    parents = {"Pod": "Job" if job else "StatefulSet"}
    workload = found.job() if job else found.statefulset()
    pod: Manifest = {**found.pod(found.container(ready=True)), "kind": "Pod"}
    claim: Manifest = {"kind": "PersistentVolumeClaim", "metadata": {"name": "demo"}, "status": {"phase": "Bound"}}
    for body in (workload, pod, claim):
        kind = body["kind"]
        owner = {"controller": True, "uid": held[parents.get(kind, names.KIND)]["metadata"]["uid"]}
        noted = {names.ANNOTATION_SESSION_UID: held[names.KIND]["metadata"]["uid"]}
        metadata = {**body["metadata"], "ownerReferences": [owner], "annotations": noted}
        metadata.pop("uid", None)
        held[kind] = api.objects.create(KINDS[kind], "team", {**body, "metadata": metadata})
    for kind, each in held.items():
        about = {"kind": kind, "name": each["metadata"]["name"], "uid": each["metadata"]["uid"]}
        event = {"metadata": {"name": f"{kind.lower()}.1"}, "involvedObject": about, "firstTimestamp": None}
        api.objects.create("v1/events", "team", event)
    return held


def remember(api: FakeApi, kind: str, name: str, uid: str, last: str = "2100-01-01T00:00:00Z") -> None:
    """Let the server hold an Event on an object that is not there any more."""
    about = {"kind": kind, "name": name, "uid": uid}
    event = {"metadata": {"name": f"{uid}.1"}, "involvedObject": about, "reason": uid, "lastTimestamp": last}
    api.objects.create("v1/events", "team", event)


@pytest.mark.parametrize("builder", [session(), session().as_job()], ids=["a session", "a job"])
async def test_a_session_is_read_in_six_requests_with_the_events_of_its_own_objects(
    api: FakeApi, client: Client, builder: SessionBuilder
) -> None:
    fill(api, builder)

    known = await reading.read(client, KEY)

    assert known.pod is not None
    assert known.claim is not None
    assert known.observed.own_workload is not None
    assert {event.involved_object.kind for event in known.events} == {
        names.KIND,
        known.observed.own_workload.kind,
        "Pod",
        "PersistentVolumeClaim",
    }
    assert len(known.events) == 4
    assert known.unread == ()
    assert (api.count("get"), api.count("list"), len(api.asked)) == (3, 3, 6)


async def test_the_events_of_a_pod_that_is_gone_are_remembered(api: FakeApi, client: Client) -> None:
    fill(api, session().with_data_source("/data", "bucket"))
    remember(api, "Pod", "demo-0", "evicted")
    remember(api, "PersistentVolumeClaim", names.data_source_claim("demo", 0), "not-made")

    known = await reading.read(client, KEY)

    assert {event.reason for event in known.events if event.reason} == {"evicted", "not-made"}


async def test_events_of_a_former_session_of_the_name_are_not_shown(api: FakeApi, client: Client) -> None:
    fill(api, session())
    remember(api, "Pod", "demo-0", "of-a-former-run", "2020-01-01T00:00:00Z")
    remember(api, names.KIND, "demo", "former-session")
    remember(api, "Deployment", "demo", "of-others")

    assert not [event for event in (await reading.read(client, KEY)).events if event.reason]


async def test_events_of_other_pods_of_the_name_are_not_shown(api: FakeApi, client: Client) -> None:
    api.objects.create("amalthea.dev/v1alpha1/amaltheasessions", "team", session().manifest())
    theirs = {"metadata": {"name": "demo"}, "spec": {"replicas": 1}}
    api.objects.create(KINDS["StatefulSet"], "team", theirs)
    remember(api, "Pod", "demo-0", "their-pod")
    claim = api.objects.create(KINDS["PersistentVolumeClaim"], "team", {"metadata": {"name": "demo"}})
    remember(api, "PersistentVolumeClaim", "demo", claim["metadata"]["uid"])

    assert (await reading.read(client, KEY)).events == ()


async def test_waits_are_known_from_events_if_all_can_be_read(api: FakeApi, client: Client) -> None:
    fill(api, session())
    assert (await reading.read(client, KEY)).observed.events is not None

    api.fail("list", refuse(503))
    assert (await reading.read(client, KEY)).observed.events is None


async def test_no_secret_is_asked_for(api: FakeApi, client: Client) -> None:
    fill(api, session().with_token())
    await reading.read(client, KEY)
    assert not any("secrets" in asked.path for asked in api.asked)


async def test_a_server_that_fails_in_between_leaves_the_rest_to_be_shown(api: FakeApi, client: Client) -> None:
    fill(api, session())
    api.fail("list", refuse(503))

    known = await reading.read(client, KEY)

    assert known.observed.own_workload is not None
    assert known.pod is None
    assert set(known.unread) == {
        "The pods could not be read (a fault): the state of its containers is not shown.",
        "The events could not be read (a fault): what Kubernetes reported is not shown.",
    }


async def test_events_that_cannot_be_understood_hide_nothing_else(api: FakeApi, client: Client) -> None:
    held = fill(api, session())
    about = {"name": "demo", "uid": held[names.KIND]["metadata"]["uid"]}
    api.objects.create("v1/events", "team", {"metadata": {"name": "odd"}, "involvedObject": about, "count": "many"})

    known = await reading.read(client, KEY)

    assert known.unread == ("The events have an unexpected form: what Kubernetes reported is not shown.",)


async def test_a_session_that_cannot_be_read_is_not_reported_as_missing(api: FakeApi, client: Client) -> None:
    with pytest.raises(NotFound):
        await reading.read(client, KEY)

    api.fail("get", refuse(503))
    with pytest.raises(ServerError):
        await reading.read(client, KEY)


async def test_the_claim_of_a_stranger_is_not_taken_for_the_sessions_volume(api: FakeApi, client: Client) -> None:
    api.objects.create("amalthea.dev/v1alpha1/amaltheasessions", "team", session().manifest())
    owner = {"kind": "Deployment", "name": "demo", "uid": "else", "controller": True}
    api.objects.create("v1/persistentvolumeclaims", "team", {"metadata": {"name": "demo", "ownerReferences": [owner]}})

    assert (await reading.read(client, KEY)).claim is None


async def test_a_claim_that_was_made_beforehand_is_the_sessions_volume(api: FakeApi, client: Client) -> None:
    api.objects.create("amalthea.dev/v1alpha1/amaltheasessions", "team", session().manifest())
    api.objects.create("v1/persistentvolumeclaims", "team", {"metadata": {"name": "demo"}})

    assert (await reading.read(client, KEY)).claim is not None
