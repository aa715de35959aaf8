"""The client's verbs on a real API server, and on the fake one: what tests learn from the fake must be true."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from amalthea.engine.clock import SystemClock
from amalthea.engine.lease.lease_store import LeaseRecord
from amalthea.engine.ports import Stale
from amalthea.kube import errors
from amalthea.kube.auth import config
from amalthea.kube.client import Client, Deletion
from amalthea.kube.lease import LEASES, KubeLease
from amalthea.kube.resource import Resource, Selection
from amalthea.testing.api_server.api import FakeApi
from lab.base.pki import write_secret
from lab.control_plane.control_plane import ControlPlane
from tests.unit.kube.parts import CONFIG_MAPS, ConfigMap, config_map

CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")


def administrator(control_plane: ControlPlane) -> config.Config:
    return config.load({}, SystemClock(), control_plane.kubeconfig)


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    async with Client(administrator(control_plane)) as made:
        yield made


@pytest.fixture(params=["real", "fake"])
async def either(request: pytest.FixtureRequest, control_plane: ControlPlane) -> AsyncIterator[Client]:
    """A client of a real API server, and one of the fake."""
    async with FakeApi() as fake:
        used = administrator(control_plane) if request.param == "real" else fake.config
        async with Client(used) as made:
            yield made


async def test_an_object_is_made_read_changed_and_deleted(either: Client, namespace: str) -> None:
    key = (namespace, "a")
    made = await either.create(CONFIG_MAPS, namespace, config_map("a", colour="red"), ConfigMap)
    assert (made.metadata.namespace, made.metadata.name, made.data) == (*key, {"colour": "red"})
    assert made.metadata.uid

    patched = await either.patch_merge(CONFIG_MAPS, key, {"data": {"colour": None, "size": "5"}}, ConfigMap)
    assert patched.data == {"size": "5"}
    assert int(patched.metadata.resource_version) > int(made.metadata.resource_version)
    same = await either.patch_merge(CONFIG_MAPS, key, {"data": {"size": "5"}}, ConfigMap)
    assert same == patched

    whole: dict[str, Any] = await either.get(CONFIG_MAPS, key, dict)
    whole["data"] = {"all": "new"}
    updated = await either.update(CONFIG_MAPS, key, whole, ConfigMap)
    assert updated.data == {"all": "new"}
    listed = await either.list(CONFIG_MAPS, Selection(namespace, fields="metadata.name=a"), ConfigMap)
    assert listed.items == (updated,)

    assert await either.delete(CONFIG_MAPS, key)
    with pytest.raises(errors.NotFound):
        await either.get(CONFIG_MAPS, key, ConfigMap)


async def test_what_was_decided_on_an_old_version_is_refused(either: Client, namespace: str) -> None:
    key = (namespace, "a")
    old = await either.create(CONFIG_MAPS, namespace, config_map("a", colour="red"), ConfigMap)
    new = await either.patch_merge(CONFIG_MAPS, key, {"data": {"colour": "blue"}}, ConfigMap)
    versioned = {"resourceVersion": old.metadata.resource_version}
    stale: list[Callable[[], Any]] = [
        lambda: either.patch_merge(CONFIG_MAPS, key, {"metadata": versioned, "data": {"colour": "x"}}, dict),
        lambda: either.update(CONFIG_MAPS, key, config_map("a") | {"metadata": {"name": "a"} | versioned}, dict),
        lambda: either.patch_json(CONFIG_MAPS, key, [at_version(old), {"op": "remove", "path": "/data"}], dict),
        lambda: either.delete(CONFIG_MAPS, key, Deletion(resource_version=old.metadata.resource_version)),
        lambda: either.delete(CONFIG_MAPS, key, Deletion(uid="of-a-predecessor")),
    ]
    for write in stale:
        with pytest.raises(errors.Conflict) as caught:
            await write()
        assert isinstance(caught.value, Stale)
    assert await either.get(CONFIG_MAPS, key, ConfigMap) == new


def at_version(obj: ConfigMap) -> dict[str, str]:
    return {"op": "test", "path": "/metadata/resourceVersion", "value": obj.metadata.resource_version}


async def test_operations_replace_whole_sections_and_keys_with_a_slash(either: Client, namespace: str) -> None:
    made = await either.create(CONFIG_MAPS, namespace, config_map("a", old="1"), ConfigMap)
    operations: list[dict[str, object]] = [
        {**at_version(made)},
        {"op": "replace", "path": "/data", "value": {"new": "1", "other": "2"}},
        {"op": "remove", "path": "/data/other"},
        {"op": "add", "path": "/metadata/annotations", "value": {"amalthea.dev/a": "x"}},
        {"op": "replace", "path": "/metadata/annotations/amalthea.dev~1a", "value": "y"},
    ]
    patched: dict[str, Any] = await either.patch_json(CONFIG_MAPS, (namespace, "a"), operations, dict)
    assert patched["data"] == {"new": "1"}
    assert patched["metadata"]["annotations"] == {"amalthea.dev/a": "y"}


async def test_an_operation_on_a_path_that_is_gone_is_a_conflict(either: Client, namespace: str) -> None:
    await either.create(CONFIG_MAPS, namespace, config_map("a"), ConfigMap)
    with pytest.raises(errors.Conflict):
        await either.patch_json(CONFIG_MAPS, (namespace, "a"), [{"op": "remove", "path": "/data/none"}], dict)


async def test_a_name_that_is_taken_is_told_from_a_conflict(either: Client, namespace: str) -> None:
    await either.create(CONFIG_MAPS, namespace, config_map("a"), ConfigMap)
    with pytest.raises(errors.AlreadyExists):
        await either.create(CONFIG_MAPS, namespace, config_map("a"), ConfigMap)


async def test_the_status_and_the_rest_are_written_apart(either: Client, namespace: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"}, "spec": spec}
    key = (namespace, "a")
    await either.create(CLAIMS, namespace, claim, dict)
    change = {"metadata": {"labels": {"x": "y"}}, "status": {"phase": "Lost"}}
    after = await either.patch_merge(CLAIMS, key, change, dict, subresource="status")
    assert after["status"]["phase"] == "Lost"
    assert after["spec"]["accessModes"] == ["ReadWriteOnce"]


async def test_a_status_is_written_to_no_object_that_has_the_name_of_a_former_one(
    either: Client, namespace: str
) -> None:
    key, body = (namespace, "a"), {"metadata": {"name": "a"}, "spec": {"hard": {"pods": "1"}}}
    former = await either.create(QUOTAS, namespace, body, dict)
    await either.delete(QUOTAS, key)
    present = await either.create(QUOTAS, namespace, body, dict)
    for quota, written in ((former, False), (present, True)):
        test = {"op": "test", "path": "/metadata/uid", "value": quota["metadata"]["uid"]}
        operations = [test, {"op": "add", "path": "/status", "value": {"hard": {"pods": "1"}}}]
        with nullcontext() if written else pytest.raises(Stale):
            await either.patch_json(QUOTAS, key, operations, dict, subresource="status")
        now = await either.get(QUOTAS, key, dict)
        assert bool(now.get("status")) == written


async def test_a_finalizer_holds_an_object_until_it_is_removed(either: Client, namespace: str) -> None:
    key = (namespace, "a")
    held = config_map("a") | {"metadata": {"name": "a", "finalizers": ["amalthea.dev/test"]}}
    await either.create(CONFIG_MAPS, namespace, held, dict)
    assert not await either.delete(CONFIG_MAPS, key)
    dying = await either.get(CONFIG_MAPS, key, dict)
    assert dying["metadata"]["deletionTimestamp"]
    await either.patch_merge(CONFIG_MAPS, key, {"metadata": {"finalizers": None}}, dict)
    with pytest.raises(errors.NotFound):
        await either.get(CONFIG_MAPS, key, dict)


async def test_pages_of_a_list_have_everything_once(either: Client, namespace: str) -> None:
    for number in range(7):
        await either.create(CONFIG_MAPS, namespace, config_map(f"m{number}"), ConfigMap)
    found, continue_, pages = [], "", 0
    while pages == 0 or continue_:
        page = await either.list(CONFIG_MAPS, Selection(namespace), ConfigMap, limit=3, continue_=continue_)
        found += [obj.metadata.name for obj in page.items if obj.metadata.name.startswith("m")]
        continue_, pages = page.continue_, pages + 1
    assert found == [f"m{number}" for number in range(7)]
    assert pages >= 3


async def test_what_is_wrong_with_an_object_is_told_by_field(client: Client, namespace: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await client.create(CONFIG_MAPS, namespace, config_map("a") | {"data": {"a/b": "x"}}, dict)
    assert caught.value.causes[0].field == "data[a/b]"


async def test_a_refused_secret_is_not_quoted(client: Client, namespace: str) -> None:
    secrets = Resource("", "v1", "secrets", "Secret")
    body = {"metadata": {"name": "a"}, "stringData": {"password": "SECRET"}}
    await client.create(secrets, namespace, body, dict)
    operations = [{"op": "add", "path": "/type", "value": 5}]
    with pytest.raises(errors.Invalid) as caught:
        await client.patch_json(secrets, (namespace, "a"), operations, dict)
    said = f"{caught.value} {caught.value.message} {caught.value.causes}"
    assert "SECRET" not in said
    assert base64.b64encode(b"SECRET").decode() not in said


async def test_a_quota_that_is_used_up_is_told_from_a_missing_permission(
    client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/configmaps": "0"}}}
    await client.create(QUOTAS, namespace, quota, dict)
    await client.patch_merge(QUOTAS, (namespace, "none"), {"status": quota["spec"]}, dict, subresource="status")
    used = {"status": {"hard": {"count/configmaps": "0"}, "used": {"count/configmaps": "0"}}}
    await client.patch_merge(QUOTAS, (namespace, "none"), used, dict, subresource="status")
    with pytest.raises(errors.Forbidden) as exceeded:
        await client.create(CONFIG_MAPS, namespace, config_map("a"), dict)
    assert exceeded.value.quota_exceeded

    alice = config.load({}, SystemClock(), control_plane.user_kubeconfig("alice"))
    async with Client(alice) as stranger:
        with pytest.raises(errors.Forbidden) as forbidden:
            await stranger.get(CONFIG_MAPS, (namespace, "a"), dict)
    assert not forbidden.value.quota_exceeded
    assert 'User "alice" cannot get' in forbidden.value.message


async def test_a_service_accounts_token_is_accepted_and_a_wrong_one_is_not(
    client: Client, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    await client.create(SERVICE_ACCOUNTS, namespace, {"metadata": {"name": "robot"}}, dict)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/robot/token"
    token = control_plane.api.post(path, {"spec": {"expirationSeconds": 600}})["status"]["token"]
    (tmp_path / "token").write_text(token)
    admin = yaml.safe_load(control_plane.kubeconfig.read_text())
    admin["users"][0]["user"] = {"tokenFile": "token"}
    ca = admin["clusters"][0]["cluster"].get("certificate-authority")
    if ca:
        admin["clusters"][0]["cluster"]["certificate-authority"] = str(control_plane.kubeconfig.parent / ca)
    (tmp_path / "config").write_text(yaml.safe_dump(admin))
    async with Client(config.load({}, SystemClock(), tmp_path / "config")) as robot:
        with pytest.raises(errors.Forbidden, match=f"system:serviceaccount:{namespace}:robot"):
            await robot.get(CONFIG_MAPS, (namespace, "a"), dict)
    (tmp_path / "token").write_text("wrong")
    async with Client(config.load({}, SystemClock(), tmp_path / "config")) as nobody:
        with pytest.raises(errors.Unauthorized):
            await nobody.get(CONFIG_MAPS, (namespace, "a"), dict)


async def test_a_server_that_another_authority_signed_is_not_talked_to(
    control_plane: ControlPlane, namespace: str
) -> None:
    trusting_others = config.Config(server=control_plane.url, tls=ssl.create_default_context())
    async with Client(trusting_others) as stranger:
        with pytest.raises(errors.Unreachable, match=r"(?i)certificate"):
            await stranger.get(CONFIG_MAPS, (namespace, "a"), dict)


@pytest.mark.parametrize(("name", "accepted"), [("kubernetes.default.svc", True), ("another.name", False)])
async def test_the_name_in_the_servers_certificate_is_checked(
    control_plane: ControlPlane, tmp_path: Path, name: str, accepted: bool
) -> None:
    content = yaml.safe_load(control_plane.kubeconfig.read_text())
    content["clusters"][0]["cluster"]["tls-server-name"] = name
    path = control_plane.kubeconfig.parent / f"{tmp_path.name}.kubeconfig"
    write_secret(path, yaml.safe_dump(content).encode())
    async with Client(config.load({}, SystemClock(), path)) as made:
        if accepted:
            assert await made.read("/version", dict)
        else:
            with pytest.raises(errors.Unreachable, match=r"(?i)certificate"):
                await made.read("/version", dict)


async def test_the_groups_that_are_served_can_be_read(client: Client) -> None:
    groups: dict[str, Any] = await client.read("/apis", dict)
    assert "apps" in [group["name"] for group in groups["groups"]]


async def test_of_two_writers_of_a_lease_one_is_refused(either: Client, namespace: str) -> None:
    lease = KubeLease(either, (namespace, "lease"))
    now = SystemClock().now()
    assert await lease.get() is None
    first = await lease.create(LeaseRecord("a", 15, now, now, 0))
    assert await lease.get() == first
    assert first.renewed == now
    with pytest.raises(Stale):
        await lease.create(LeaseRecord("b", 15, now, now, 0))
    second = await lease.update(first)
    with pytest.raises(Stale):
        await lease.update(LeaseRecord("b", 15, now, now, 1, version="1"))
    released = await lease.update(LeaseRecord("", 1, now, now, 0, version=second.version))
    assert (released.holder, released.duration) == ("", 1)
    await either.delete(LEASES, (namespace, "lease"))
    with pytest.raises(Stale):
        await lease.update(released)


@pytest.mark.parametrize(
    "edited",
    [
        {"acquireTime": "0000-01-01T00:00:00.000000Z"},
        {"acquireTime": "0002-01-01T00:00:00.000000Z"},
        {"renewTime": "0000-01-01T00:00:00.000000Z"},
        {"renewTime": "9999-12-31T23:59:59.999999-12:00"},
        {"leaseTransitions": 2**31 - 1},
    ],
    ids=str,
)
async def test_a_lease_that_somebody_edited_oddly_can_be_read_and_taken(
    either: Client, namespace: str, edited: dict[str, Any]
) -> None:
    spec = {"holderIdentity": "a", "leaseDurationSeconds": 15, **edited}
    await either.create(LEASES, namespace, {"metadata": {"name": "lease"}, "spec": spec}, dict)
    lease, now = KubeLease(either, (namespace, "lease")), SystemClock().now()
    found = await lease.get()
    assert found is not None
    taken = await lease.update(replace(found, holder="b", renewed=now, transitions=found.transitions + 1))
    assert (taken.holder, taken.renewed) == ("b", now)


async def test_a_watch_of_a_lease_tells_its_changes_and_no_others(either: Client, namespace: str) -> None:
    lease, other = KubeLease(either, (namespace, "lease")), KubeLease(either, (namespace, "other"))
    now = SystemClock().now()
    first = await lease.create(LeaseRecord("a", 15, now, now, 0))
    async with lease.watch(first.version) as changes, asyncio.timeout(20):
        await other.create(LeaseRecord("b", 15, now, now, 0))
        released = await lease.update(replace(first, holder=""))
        assert await anext(changes) == released
        await either.delete(LEASES, (namespace, "lease"))
        assert await anext(changes) is None
