"""No process of the lab is lost, and no process of anybody else is ever signalled."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.base.process import BOOT_ID, Daemon, DaemonError, Daemons, Record

SLEEP = ("sleep", "1000")
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that has nothing to do with the lab."""
    with subprocess.Popen(SLEEP) as process:
        yield process
        process.kill()


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    own = Daemons(tmp_path, outlive=False)
    yield own
    own.stop_all(grace=0)


def at_once() -> bool:
    return True


def mentions(log: Path, word: str) -> Callable[[], bool]:
    return lambda: word in log.read_text()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition never came"
        time.sleep(0.01)


def start_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def write_record(daemons: Daemons, boot: str, pid: int, started: int) -> None:
    fields = ["S", *["0"] * 18, str(started)]
    daemons.records.mkdir(parents=True)
    (daemons.records / "etcd.pid").write_text(f"{boot}\n{pid} (a (strange) name) {' '.join(fields)}\n")


def test_a_process_id_that_another_program_got_is_not_signalled(
    daemons: Daemons, stranger: subprocess.Popen[bytes]
) -> None:
    write_record(daemons, BOOT_ID.read_text().strip(), stranger.pid, start_ticks(stranger.pid) - 1)
    assert daemons.running() == {}
    daemons.stop_all()
    assert stranger.poll() is None
    assert daemons.recorded() == []


def test_a_record_from_before_a_reboot_is_nobody(daemons: Daemons, stranger: subprocess.Popen[bytes]) -> None:
    write_record(daemons, "an-earlier-boot", stranger.pid, start_ticks(stranger.pid))
    daemons.stop_all()
    assert stranger.poll() is None


def test_a_record_that_fits_is_stopped_whoever_started_it(daemons: Daemons, stranger: subprocess.Popen[bytes]) -> None:
    write_record(daemons, BOOT_ID.read_text().strip(), stranger.pid, start_ticks(stranger.pid))
    assert daemons.running() == {"etcd": stranger.pid}
    daemons.stop_all()
    assert stranger.wait(10) == -signal.SIGTERM


def test_a_record_that_was_cut_short_does_not_stand_in_the_way(daemons: Daemons) -> None:
    daemons.records.mkdir(parents=True)
    (daemons.records / "etcd.pid").write_text("boot\n12 (et")
    assert daemons.running() == {}
    daemons.stop_all()
    assert daemons.recorded() == []
    with pytest.raises(ValueError, match="not a line"):
        Record.parse("boot\n12 (et")


def test_a_record_that_vanishes_while_records_are_listed_does_not_stand_in_the_way(daemons: Daemons) -> None:
    daemons.start(Daemon("stays", SLEEP), at_once)
    # What a listing meets if the daemon is stopped by another process: a name, and no file behind it any more.
    (daemons.records / "vanishes.pid").symlink_to("nowhere")
    assert daemons.recorded() == ["stays"]
    assert list(daemons.running()) == ["stays"]


def test_the_record_names_the_program_itself_and_not_a_shell_around_it(daemons: Daemons) -> None:
    daemons.start(Daemon("sleeper", SLEEP), at_once)
    pid = daemons.running()["sleeper"]
    wait_until(lambda: Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0] == "sleep")


def test_a_second_start_of_the_same_name_replaces_the_first(daemons: Daemons) -> None:
    daemons.start(Daemon("sleeper", SLEEP), at_once)
    first = daemons.running()["sleeper"]
    daemons.start(Daemon("sleeper", SLEEP), at_once)
    assert daemons.running()["sleeper"] != first
    assert not Path(f"/proc/{first}").exists()


def test_a_daemon_that_ignores_sigterm_is_killed(daemons: Daemons) -> None:
    log = daemons.log("stubborn")
    daemons.start(Daemon("stubborn", [sys.executable, "-c", STUBBORN]), mentions(log, "ready"))
    pid = daemons.running()["stubborn"]
    daemons.stop("stubborn", grace=0.1)
    assert not Path(f"/proc/{pid}").exists()


def test_a_daemon_that_dies_shows_the_end_of_its_log(daemons: Daemons) -> None:
    script = "echo earlier; echo no such flag >&2; exit 7"
    with pytest.raises(DaemonError, match=r"(?s)etcd ended with 7.*no such flag"):
        daemons.start(Daemon("etcd", ["sh", "-c", script]), lambda: False)
    assert daemons.recorded() == []


def test_a_program_that_does_not_exist_is_an_error_and_no_wait(daemons: Daemons) -> None:
    with pytest.raises(DaemonError, match="ended with 127"):
        daemons.start(Daemon("etcd", ["/no/such/program"]), lambda: False)


def test_a_daemon_that_is_not_ready_in_time_is_stopped(daemons: Daemons) -> None:
    with pytest.raises(DaemonError, match="was not ready after 0 s"):
        daemons.start(Daemon("etcd", SLEEP), lambda: False, timeout=0.2)
    assert daemons.running() == {}


def test_a_daemon_sees_its_own_variables_and_keeps_a_log_over_restarts(daemons: Daemons) -> None:
    log = daemons.log("teller")
    for word in ("first", "second"):
        daemon = Daemon("teller", ["sh", "-c", "echo $WORD; exec sleep 1000"], {"WORD": word})
        daemons.start(daemon, mentions(log, word))
        daemons.stop("teller", grace=0)
    assert log.read_text() == "first\nsecond\n"


@pytest.mark.parametrize(("outlive", "stays"), [(False, False), (True, True)])
def test_daemons_of_a_killed_test_run_die_with_it_and_those_of_up_stay(
    tmp_path: Path, outlive: bool, stays: bool
) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from lab.base.process import Daemon, Daemons;"
        f"Daemons(Path(sys.argv[1]), outlive={outlive}).start(Daemon('sleeper', {SLEEP}), lambda: True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = Daemons(tmp_path, outlive=outlive)
    wait_until(lambda: bool(left.running()) == stays)
    left.stop_all(grace=0)
    assert left.running() == {}


def test_daemons_are_stopped_in_the_reverse_order_of_their_start(
    daemons: Daemons, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("etcd", "kube-apiserver", "kubelet"):
        daemons.start(Daemon(name, SLEEP), at_once)
    stopped: list[str] = []
    stop = daemons.stop

    def noting(name: str, grace: float) -> None:
        stopped.append(name)
        stop(name, grace)

    monkeypatch.setattr(daemons, "stop", noting)
    daemons.stop_all(grace=0)
    assert stopped == ["kubelet", "kube-apiserver", "etcd"]
    assert daemons.recorded() == []
