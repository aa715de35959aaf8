"""A session's job under a real Slurm: what it gets, how it ends, and what its user learns of that.

The page is `python -m http.server`, which the plain host has. `sbatch` is called as FirecREST calls it.
"""

import contextlib
import json
import signal
from pathlib import Path

import aiohttp
import pytest

from lab.slurm import configuration
from lab.slurm.cluster import SlurmError
from tests.sidecars.remote.pod import ended
from tests.sidecars.slurm.site import SECRETS, Site, python
from tests.support.processes import free_port

pytestmark = pytest.mark.timeout(180)

PAGE = (
    "/bin/sh",
    "-c",
    'echo "listening at $RENKU_SESSION_PORT"; exec python3 -m http.server --bind 127.0.0.1 $RENKU_SESSION_PORT',
)
STAYS = ("/bin/sleep", "600")
ODD = {
    "COMMA": "a,b,c",
    "QUOTES": """it's "quoted" `$(date)` $HOME \\ !""",
    "LINES": "one\ntwo\n\n three ",
    "UNICODE": "naïve ☃ 日本",
    "JSON": '{"a": ["b", "c"]}',
    "EMPTY": "",
}
TELLS = "import json, os, pathlib; pathlib.Path('env.json').write_text(json.dumps(dict(os.environ)))"


def is_running(told: dict[str, object]) -> bool:
    return told.get("status") == "Running"


def has_failed(told: dict[str, object]) -> bool:
    return told.get("status") == "Failed"


async def page(port: int) -> str:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        limits = aiohttp.ClientTimeout(total=5)
        where = f"http://127.0.0.1:{port}/"
        async with aiohttp.ClientSession(timeout=limits) as asking, asking.get(where) as answer:
            return await answer.text()
    return ""


async def test_a_page_from_a_real_job_and_a_cancelled_job_leaves_no_process(site: Site) -> None:
    port = free_port()
    async with site.pod.tunnel(site.entry, port):
        probe = {"RSC_READINESS_PROBE_TYPE": "http", "RSC_SESSION_PORT": str(port)}
        controller = await site.controller(*PAGE, **probe)
        await site.wait(is_running)
        while (await site.pod.get("/ready"))[0] != 200:
            await site.wait(is_running)
        assert "Directory listing" in await page(port)
        lines, _ = await ended(controller)
        assert controller.returncode == 0
        assert any(line.startswith("[session/stdout] listening at ") for line in lines)
    assert site.job().state.startswith("CANCELLED")
    await site.wait_for(lambda: not processes_below(site.pod.folder))


async def test_odd_values_survive_and_no_secret_is_in_the_accounting_nor_in_any_command_line(site: Site) -> None:
    env = {f"USER_ENV_{name}": value for name, value in ODD.items()}
    command = (*python(TELLS + "; import time; time.sleep(600)"), "$(PASSWORD)")
    await site.controller(*command, **env)
    told = site.work / "env.json"
    await site.wait_for(lambda: told.exists() and told.read_text().endswith("}"))
    seen = json.loads(told.read_text())
    assert {name: seen[name] for name in ODD} == ODD
    assert seen["PASSWORD"] == "the-users-password"
    assert "the-tunnels-secret" not in told.read_text()
    await site.wait_for(site.jobs)
    job = site.job().id
    recorded = [
        site.slurm.command("sacct", "--jobs", job, "--parsable2", "--format=ALL"),
        site.slurm.command("sacct", "--jobs", job, "--batch-script"),
        site.slurm.command("sacct", "--jobs", job, "--env-vars"),
        site.slurm.command("scontrol", "show", "job", job, "--details"),
        site.slurm.command("squeue", "--format=%all"),
    ]
    assert "session_script" not in recorded[0]
    assert "#SBATCH --no-requeue" in recorded[1], "the accounting keeps scripts, so it would show a secret"
    assert "SESSION_DIR=" in recorded[2], "the accounting keeps variables, so it would show a secret"
    for text in recorded:
        assert not [secret for secret in SECRETS if secret in text]
    left = list((site.work.parent / "secrets").iterdir())
    assert left == []
    for line in command_lines():
        assert "the-tunnels-secret" not in line


async def test_a_program_that_ends_well_is_told_and_its_output_is_whole(site: Site) -> None:
    controller = await site.controller("/bin/sh", "-c", "echo done")
    await site.wait(lambda told: told.get("status") == "Completed")
    lines, _ = await ended(controller)
    assert "[session/stdout] done" in lines
    assert site.job().state == "COMPLETED"


async def test_the_programs_exit_code_is_told_with_its_last_words(site: Site) -> None:
    await site.controller("/bin/sh", "-c", "echo last words; exit 3")
    told = await site.wait(has_failed)
    assert "ended with an error (FAILED, exit code 3)" in str(told["error"])
    assert "last words" in str(told["error"])


CLEANS_UP = (
    "import pathlib, signal, sys, time\n"
    "def end(*_): pathlib.Path('cleaned').touch(); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, end); print('begun', flush=True); time.sleep(600)"
)


async def test_a_program_at_its_time_limit_may_clean_up_and_the_limit_is_told(site: Site) -> None:
    def shorten() -> None:
        assert site.job().limit == 3600
        site.slurm.command("scontrol", "update", f"JobId={site.job().id}", "TimeLimit=0:01")

    report = await site.ends(*python(CLEANS_UP), meanwhile=shorten, RSC_SESSION_MAX_AGE_SECONDS="3600")
    assert "reached its time limit (TIMEOUT" in report.cause
    assert (site.work / "cleaned").exists()
    await site.wait_for(lambda: not processes_below(site.pod.folder))


async def test_a_job_that_takes_more_memory_than_it_asked_for_says_so(site: Site) -> None:
    takes = python("import time; time.sleep(2); x = bytearray(400 * 2**20); time.sleep(600)")
    report = await site.ends(
        *takes, RSC_FIRECREST_FORWARD_RESOURCE_VALUES="true", RSC_SESSION_MEMORY="150", RSC_SESSION_CPU="1"
    )
    assert "Exceeded job memory limit" in report.output, (
        "OUT_OF_MEMORY needs control groups; here it is Slurm's own eye"
    )


async def test_a_node_that_fails_takes_its_job_along_and_no_second_one_starts(site: Site) -> None:
    place = f"NodeName={configuration.NODE}"
    fail = ("scontrol", "update", place, "State=DOWN", "Reason=test")
    try:
        report = await site.ends(*STAYS, meanwhile=lambda: site.slurm.command(*fail))
    finally:
        with contextlib.suppress(SlurmError):  # it may be back by itself
            site.slurm.command("scontrol", "update", place, "State=RESUME")
    assert "node that the session ran on failed (NODE_FAIL" in report.cause
    await site.wait_for(lambda: not site.slurm.command("squeue", "--noheader", f"--name={site.job().name}"))
    await site.wait_for(lambda: not processes_below(site.pod.folder))


async def test_a_job_whose_place_another_takes_is_told_so_and_does_not_run_again(site: Site) -> None:
    whole = (f"--partition={configuration.URGENT}", f"--cpus-per-task={configuration.CPUS}", "--mem=1000")
    urgent = ("sbatch", "--job-name=urgent", *whole, "--wrap=sleep 600", "--output=/dev/null")
    try:
        report = await site.ends(
            *STAYS, meanwhile=lambda: site.slurm.command(*urgent), RSC_FIRECREST_PARTITION=configuration.CHEAP
        )
    finally:
        site.slurm.command("scancel", "--name=urgent")
    assert "Another job took the session's place (PREEMPTED" in report.cause
    assert site.job().state == "PREEMPTED"


async def test_a_partition_that_is_not_there_is_told_in_slurms_words(site: Site) -> None:
    await site.controller(*STAYS, RSC_FIRECREST_PARTITION="nowhere")
    told = await site.wait(has_failed)
    assert "invalid partition specified: nowhere" in str(told["error"])
    assert site.jobs() == []


async def test_a_slurmctld_that_is_killed_ends_nothing_and_a_job_meets_it_when_it_is_back(site: Site) -> None:
    first = await site.controller(*STAYS)
    await site.wait(is_running)
    site.slurm.kill_daemon("slurmctld")
    try:
        assert is_running(await site.status())
    finally:
        site.slurm.start_daemon("slurmctld")
    await ended(first)
    assert site.job().state.startswith("CANCELLED")


async def test_a_job_that_is_submitted_while_slurmctld_is_away_is_submitted_once_it_is_back(site: Site) -> None:
    site.slurm.kill_daemon("slurmctld")
    try:
        await site.controller(*STAYS)
        await site.wait(lambda told: told and site.pod.firecrest.count("POST /compute/lab/jobs$"), 60)
        assert not has_failed(await site.status())
    finally:
        site.slurm.start_daemon("slurmctld")
    await site.wait(is_running, 150)  # its answer was lost: for 90 s it may be there, and not shown yet
    site.job()


async def test_a_controller_that_is_killed_finds_its_job_again(site: Site) -> None:
    first = await site.controller(*STAYS)
    await site.wait(is_running)
    await ended(first, signal.SIGKILL)
    second = await site.controller(*STAYS)
    await site.wait(is_running)
    await ended(second)
    assert site.job().state.startswith("CANCELLED")


def processes_below(folder: Path) -> list[str]:
    """Return the command lines of processes that work below a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if str((entry / "cwd").readlink()).startswith(f"{folder}/scratch"):
                    found.append((entry / "cmdline").read_text())
    return found


def command_lines() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            found.append((entry / "cmdline").read_text())
    return found
