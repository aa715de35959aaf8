"""A machine that cannot run the node is reported in a sentence that says what to do."""

import contextlib
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.base import system
from lab.base.progress import Progress
from lab.base.system import MachineError, Package
from lab.node import preflight

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0100007F:0050 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
   2: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1
"""


def test_only_who_listens_on_the_port_is_its_holder() -> None:
    assert list(preflight.listening_inodes(TABLE, 80)) == ["4711"]
    assert list(preflight.listening_inodes(TABLE, 443)) == []


def test_a_taken_port_names_its_holder_and_the_remedy() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(MachineError) as error:
            preflight.require_free_port(port)
    name = Path("/proc/self/comm").read_text().strip()
    assert f"127.0.0.1:{port}" in str(error.value)
    assert f"{name} (process " in str(error.value)
    assert "AMALTHEA_LAB_HTTP_PORT=8080" in str(error.value)


def test_a_taken_port_of_the_entry_over_tls_names_the_variable_that_chooses_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as holder, socket.socket() as free:
        for each in (holder, free):
            each.bind(("127.0.0.1", 0))
        holder.listen()
        monkeypatch.setenv("AMALTHEA_LAB_HTTPS_PORT", str(holder.getsockname()[1]))
        monkeypatch.setenv("AMALTHEA_LAB_HTTP_PORT", str(free.getsockname()[1]))
        free.close()
        with pytest.raises(MachineError, match="AMALTHEA_LAB_HTTPS_PORT=8080"):
            preflight.require_free_ports()


def test_a_free_port_is_no_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    preflight.require_free_port(port)


def test_another_node_in_this_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    name = Path("/proc/self/comm").read_text().strip()
    monkeypatch.setattr(preflight, "_NODE_PROGRAMS", {name})
    with pytest.raises(MachineError, match="Another Kubernetes node"):
        preflight.require_no_other_node()


def test_without_root_the_message_says_what_else_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(MachineError, match=r"sudo, or install Docker and run `make kind_cluster`"):
        system.require_root("The lab's node")


def test_packages_from_any_source_are_not_installed_again() -> None:
    python = Package("python3", Path(sys.executable).resolve().as_posix())
    shell = Package("dash", "sh")
    system.ensure((python, shell), Progress())


def test_a_machine_that_is_no_debian_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(MachineError, match="Missing here: no-such-package"):
        system.ensure((Package("no-such-package", "/no/such/file"),), Progress())


def test_no_service_of_a_new_package_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    seen: list[str] = []

    def install(_command: tuple[str, ...]) -> None:
        seen.append(policy.read_text())
        assert policy.stat().st_mode & 0o111

    monkeypatch.setattr(system, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(system, "_POLICY", policy)
    monkeypatch.setattr(system, "_SYSTEMD_RUNS", tmp_path / "no-systemd")
    monkeypatch.setattr(system, "_apt", install)
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}" if name == "apt-get" else None)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    system.ensure((Package("containerd", "containerd"),), Progress())
    assert seen == ["#!/bin/sh\nexit 101\n"] * 2
    assert not policy.exists()


def test_the_machines_own_policy_for_services_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("theirs")
    monkeypatch.setattr(system, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(system, "_POLICY", policy)
    monkeypatch.setattr(system, "_SYSTEMD_RUNS", tmp_path / "no-systemd")
    monkeypatch.setattr(system, "_apt", lambda _: None)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}" if name == "apt-get" else None)
    system.ensure((Package("containerd", "containerd"),), Progress())
    assert policy.read_text() == "theirs"


def test_of_two_processes_that_ask_at_once_one_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both_asked = threading.Barrier(2)
    brought: list[str] = []

    def is_missing(package: Package) -> bool:
        missing = package.name not in brought
        with contextlib.suppress(threading.BrokenBarrierError):
            both_asked.wait(0 if both_asked.broken else 5)  # the first looks of both come before any of them installs
            both_asked.abort()
        return missing

    monkeypatch.setattr(Package, "is_missing", is_missing)
    monkeypatch.setattr(system, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(system, "_bring", lambda names, _: brought.extend(names))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    with ThreadPoolExecutor() as pool:
        for ended in [pool.submit(system.ensure, (Package("one", "one"),), Progress()) for _ in range(2)]:
            ended.result(20)
    assert brought == ["one"]
