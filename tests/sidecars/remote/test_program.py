"""The controller as a program: what the kubelet and admins see of it, and how it ends."""

import asyncio
import json
import signal
import subprocess
import time

import pytest

from amalthea import __version__
from amalthea.testing.waiting import eventually
from tests.sidecars.remote.pod import FOLDER, Pod, ended, logged
from tests.support import sidecars


async def is_running(pod: Pod) -> bool:
    return (await pod.get("/status"))[0] == 200


async def test_a_session_runs_is_told_and_ends(pod: Pod) -> None:
    pod.cluster.output = "one\nzwei ☃\nthe last".encode()
    program = await pod.start()
    await eventually(lambda: is_running(pod), 30)
    assert await pod.get("/") == (200, "Remote session controller: OK")
    assert await pod.get("/live") == (200, "")
    assert await pod.get("/ready") == (200, "")
    status = json.loads((await pod.get("/status"))[1])
    assert (status["status"], status["schedulerState"]) == ("Running", "RUNNING")
    assert 3570 < status["remainingSeconds"] <= 3600
    await eventually(lambda: pod.state().get("stdout_path") == f"{FOLDER}/slurm-1.out")
    assert pod.state()["job_id"] == "1"
    lines, error = await ended(program)
    assert (program.returncode, error) == (0, "")
    assert pod.cluster.alive == []
    assert pod.state() == {}
    assert [line for line in lines if line.startswith("[")] == [
        f"[session/stdout] {line}" for line in ("one", "zwei ☃", "the last")
    ]
    entries = logged(lines)
    assert entries["determined session path"]["sessionPath"] == FOLDER
    assert entries["submitted job"]["jobID"] == "1"
    assert entries["using remote kind"]["kind"] == "firecrest"
    assert entries["submitted job"]["level"] == "INFO"
    assert set(entries["current session status"]) == {"time", "level", "msg", "status", "error"}
    assert {"got username", "cancelling job"} <= set(entries)


async def test_no_secret_is_in_the_log_nor_in_what_the_scheduler_keeps(pod: Pod) -> None:
    program = await pod.start(LOG_LEVEL="debug")
    await eventually(lambda: is_running(pod), 30)
    lines, error = await ended(program)
    [job] = pod.cluster.all
    everything = "\n".join([*lines, error, job.script, repr(job.env)])
    for secret in ("the-tunnels-secret", "the-users-password", pod.env["RSC_AUTH_RENKU_ACCESS_TOKEN"]):
        assert secret not in everything
    assert all(token not in everything for token in pod.issuer.cluster)
    assert pod.files.modes == {FOLDER: "700"}
    assert pod.files.mode_above(f"{FOLDER}/secrets/wstunnel_secret") == "700"


async def test_liveness_is_answered_within_a_second_while_nobody_else_answers(pod: Pod) -> None:
    pod.silence.set()
    await pod.start()
    await eventually(lambda: pod.held > 0, 30)
    for _ in range(50):
        asked = time.monotonic()
        assert (await pod.get("/live"))[0] == 200
        assert time.monotonic() - asked < 1.0
    assert json.loads((await pod.get("/status"))[1])["status"] == "NotReady"


async def test_a_second_signal_ends_at_once(pod: Pod) -> None:
    program = await pod.start()
    await eventually(lambda: is_running(pod), 30)
    pod.silence.set()
    program.terminate()
    await eventually(lambda: pod.held > 0)
    before = program.returncode
    assert before is None
    asked = time.monotonic()
    await ended(program)
    assert program.returncode == 143
    assert time.monotonic() - asked < 2.0


async def test_a_controller_that_was_killed_finds_its_job_again(pod: Pod) -> None:
    first = await pod.start()
    await eventually(lambda: is_running(pod), 30)
    await ended(first, signal.SIGKILL)
    second = await pod.start()
    await eventually(lambda: is_running(pod), 30)
    lines, _ = await ended(second, signal.SIGINT)
    assert logged(lines)["recovered job ID"]["jobID"] == "1"
    assert len(pod.cluster.all) == 1
    assert pod.cluster.alive == []


async def test_a_pod_that_is_stopped_before_its_job_is_submitted_leaves_none(pod: Pod) -> None:
    pod.silence.set()
    program = await pod.start()
    await eventually(lambda: pod.held > 0, 30)
    lines, _ = await ended(program)
    assert program.returncode == 0
    assert "no job to cancel" in logged(lines)
    assert pod.cluster.all == []


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"RSC_READINESS_PROBE_TYPE": "grpc"}, "invalid readiness probe type: grpc"),
        ({"RSC_AUTH_KIND": "magic"}, "RSC_AUTH_KIND is not a known kind"),
        ({"SSL_CERT_FILE": "/dev/null"}, "SSL_CERT_FILE names /dev/null"),
        ({"HTTPS_PROXY": "socks5://me:hush@proxy"}, "HTTPS_PROXY is not the address of a proxy; write one like"),
        ({"RSC_SESSION_MAX_AGE_SECONDS": "2h"}, "RSC_SESSION_MAX_AGE_SECONDS is not a number"),
    ],
)
async def test_what_cannot_be_used_ends_the_program_in_one_sentence(pod: Pod, env: dict[str, str], says: str) -> None:
    program = await pod.start(**env)
    _, error = await asyncio.wait_for(program.communicate(), 30)
    assert program.returncode == 1
    assert says in error.decode()
    assert "Traceback" not in error.decode()


async def test_a_volume_that_cannot_be_written_is_told_and_no_job_is_submitted(pod: Pod) -> None:
    program = await pod.start(RENKU_MOUNT_DIR="/proc/nowhere")

    async def told() -> bool:
        return "set RENKU_MOUNT_DIR" in (await pod.get("/status"))[1]

    await eventually(told, 30)
    await ended(program)
    assert program.returncode == 0
    assert pod.cluster.all == []


def test_the_image_knows_its_programs_and_its_version() -> None:
    said = subprocess.run(sidecars.sidecars("version"), capture_output=True, text=True, check=True, timeout=30)
    assert said.stdout == f"sidecars {__version__}\n"
    for name in ("remote-session-controller", "rsc"):
        done = subprocess.run(
            sidecars.sidecars(name, "run", "--readiness-probe-type=grpc"),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (done.returncode, "invalid readiness probe type: grpc" in done.stderr) == (1, True)
