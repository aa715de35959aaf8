"""The control plane that all other tests of this folder rely on."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.base.process import Daemons
from lab.control_plane import storage
from lab.control_plane.api import ApiError
from lab.control_plane.control_plane import ControlPlane, KubectlError
from lab.control_plane.flags import Settings

MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name: str, **metadata: object) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}}


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition never came"
        time.sleep(0.05)


def exists(control_plane: ControlPlane, path: str) -> bool:
    try:
        control_plane.api.get(path)
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return True


def test_two_control_planes_at_once_do_not_share_anything(control_plane: ControlPlane, tmp_path: Path) -> None:
    with ControlPlane(tmp_path) as other:
        other.api.post(MAPS, config_map("only-in-the-other"))
        assert exists(other, f"{MAPS}/only-in-the-other")
        assert not exists(control_plane, f"{MAPS}/only-in-the-other")
        assert other.url != control_plane.url


def test_a_restarted_api_server_has_its_address_its_objects_and_its_users(tmp_path: Path) -> None:
    with ControlPlane(tmp_path) as control_plane:
        url = control_plane.url
        user = control_plane.user("alice", ["system:masters"])
        user.post(MAPS, config_map("written-before"))
        control_plane.stop_api_server(grace=0)
        with pytest.raises(OSError, match="refused"):
            user.get(MAPS)
        control_plane.start_api_server()
        assert user.get(f"{MAPS}/written-before")["metadata"]["name"] == "written-before"
        assert control_plane.url == url


def test_the_next_start_takes_over_from_a_run_that_crashed(tmp_path: Path) -> None:
    crashed = ControlPlane(tmp_path)
    crashed.start()
    crashed.api.post(MAPS, config_map("written-before"))
    left = set(crashed.daemons.running().values())
    with ControlPlane(tmp_path) as control_plane:
        assert exists(control_plane, f"{MAPS}/written-before")
        assert not left & set(control_plane.daemons.running().values())
    crashed.stop()


def test_stop_leaves_no_process_and_no_volume(tmp_path: Path) -> None:
    claim = {
        "metadata": {"name": "claim"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    settings = Settings(controller_manager=True, scheduler=True)
    with ControlPlane(tmp_path, settings) as control_plane:
        storage.add_storage_class(control_plane.api)
        control_plane.api.post("/api/v1/namespaces/default/persistentvolumeclaims", claim)
        wait_until(lambda: bool(control_plane.api.get("/api/v1/persistentvolumes")["items"]))
        (volume,) = control_plane.api.get("/api/v1/persistentvolumes")["items"]
        folder = Path(volume["spec"]["hostPath"]["path"])
        assert folder.is_dir()
        running = control_plane.daemons.running()
        ports = control_plane.ports
    assert set(running) == {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    assert not [pid for pid in running.values() if Path(f"/proc/{pid}").exists()]
    assert Daemons(tmp_path, outlive=False).recorded() == []
    assert not folder.exists()
    with socket.create_server(("127.0.0.1", ports.api_server)):
        pass


def test_a_failed_start_leaves_no_process(tmp_path: Path) -> None:
    control_plane = ControlPlane(tmp_path, Settings(api_server_flags={"no-such-flag": "1"}))
    with pytest.raises(Exception, match="unknown flag: --no-such-flag"):
        control_plane.start()
    assert control_plane.daemons.running() == {}


def test_a_user_may_do_only_what_rbac_allows(control_plane: ControlPlane, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    alice = control_plane.user("alice", ["researchers"])
    with pytest.raises(ApiError) as refused:
        alice.get(path)
    assert refused.value.status == 403
    control_plane.kubectl("create", "role", "r", "--verb=list", "--resource=configmaps", "-n", namespace)
    control_plane.kubectl("create", "rolebinding", "b", "--role=r", "--group=researchers", "-n", namespace)
    wait_until(lambda: alice.healthy(path))
    kubeconfig = control_plane.user_kubeconfig("alice", ["researchers"])
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    assert "system:masters" in control_plane.kubectl("auth", "whoami")
    whoami = control_plane.kubectl("auth", "whoami", "--kubeconfig", str(kubeconfig))
    assert "alice" in whoami
    assert "researchers" in whoami


def test_only_who_may_delete_an_owner_may_block_its_deletion(control_plane: ControlPlane, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = control_plane.api.post(path, config_map("owner"))
    control_plane.kubectl("create", "role", "r", "--verb=create", "--resource=configmaps", "-n", namespace)
    control_plane.kubectl("create", "rolebinding", "b", "--role=r", "--user=bob", "-n", namespace)
    bob = control_plane.user("bob")
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": True,
    }
    wait_until(lambda: may_create(control_plane, namespace))
    with pytest.raises(ApiError, match="cannot set blockOwnerDeletion"):
        bob.post(path, config_map("owned", ownerReferences=[reference]))


def may_create(control_plane: ControlPlane, namespace: str) -> bool:
    try:
        control_plane.kubectl("auth", "can-i", "create", "configmaps", "-n", namespace, "--as=bob")
    except KubectlError:
        return False
    return True


def test_what_has_lost_its_owner_is_collected(full_control_plane: ControlPlane, full_namespace: str) -> None:
    path = f"/api/v1/namespaces/{full_namespace}/configmaps"
    owner = full_control_plane.api.post(path, config_map("owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    full_control_plane.api.post(path, config_map("owned", ownerReferences=[reference]))
    full_control_plane.api.delete(f"{path}/owner")
    wait_until(lambda: not exists(full_control_plane, f"{path}/owned"))


def test_the_audit_log_holds_the_requests_of_one_user_only(tmp_path: Path) -> None:
    with ControlPlane(tmp_path, Settings(audit_user="counted")) as control_plane:
        control_plane.user("counted", ["system:masters"]).post(MAPS, config_map("mine"))
        control_plane.user("somebody", ["system:masters"]).post(MAPS, config_map("theirs"))
        lines = [json.loads(line) for line in control_plane.audit_log.read_text().splitlines()]
    assert [(line["user"]["username"], line["verb"], line["requestURI"]) for line in lines] == [
        ("counted", "create", MAPS)
    ]
    assert lines[0]["level"] == "Metadata"
    assert tmp_path.stat().st_mode & 0o077 == 0
