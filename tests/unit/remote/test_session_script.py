"""The job's script, run by bash on this machine: Slurm's srun and the tunnel's client are replaced by recorders.

What users' values hold arrives exactly, the job ends as the program does, and nothing secret is left behind.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amalthea.remote.firecrest import environment, script

ODD = {
    "COMMA": "a,b,c",
    "QUOTES": """it's "quoted" `$(date)` $HOME \\ !""",
    "LINES": "one\ntwo\n\n three ",
    "UNICODE": "naïve ☃ 日本",
    "EMPTY": "",
    "JSON": '{"a": ["b", "c"]}',
    "CONTROL": "\x01\x1b[31m\ttab",
}
_CLIENT = """\
import os, pathlib, signal, sys, time
arguments = sys.argv[1:]
pathlib.Path("client.txt").write_text("\\n".join(arguments))
pathlib.Path(arguments[arguments.index("--secret-file") + 1]).unlink()
if os.environ.get("TUNNEL_FAILS"):
    sys.exit("no tunnel today")
pathlib.Path("logs/ports").write_text("65480 40001\\n65481 40002\\n")
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path("client-ended").touch(), sys.exit(0)))
while True:
    time.sleep(60)
"""
_SRUN = f"""\
#!{sys.executable} -I
import json, os, pathlib, signal, sys, time
pathlib.Path("srun.json").write_text(json.dumps([sys.argv[1:], dict(os.environ)]))
def end(*_):
    pathlib.Path("srun-ended").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
if os.environ.get("PROGRAM_STAYS"):
    pathlib.Path("srun-started").touch()
    while True:
        time.sleep(60)
sys.exit(int(os.environ.get("PROGRAM_EXITS", "0")))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/srun").write_text(_SRUN)
    (tmp_path / "bin/srun").chmod(0o755)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/wstunnel_secret").write_text("the tunnel's secret")
    (tmp_path / "tunnel_client.py").write_text(_CLIENT)
    (tmp_path / script.SCRIPT).write_bytes(script.render(["#SBATCH --nodes=1"]))
    return tmp_path


def start(folder: Path, **env: str) -> "subprocess.Popen[str]":
    session = {
        "REMOTE_SESSION_IMAGE": "python:3",
        "RENKU_BASE_URL": "https://renku.example.org:8443",
        "RENKU_BASE_URL_PATH": "/sessions/mine",
        "RSC_SESSION_PORT": "8000",
    }
    values = environment.variables(session | {f"USER_ENV_{key}": value for key, value in env.items()}, [])
    (folder / "secrets" / script.VARIABLES).write_bytes(environment.env_file(values))
    surroundings = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "SESSION_DIR": str(folder), "SLURM_JOB_ID": "7"}
    return subprocess.Popen(
        ["bash", str(folder / script.SCRIPT)],
        cwd=folder,
        env=surroundings,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def of_srun(folder: Path) -> tuple[list[str], dict[str, str]]:
    arguments, env = json.loads((folder / "srun.json").read_text())
    return arguments, env


def test_the_programs_exit_code_is_the_jobs_and_the_tunnel_ends_with_it(folder: Path) -> None:
    job = start(folder, PROGRAM_EXITS="3")
    said, _ = job.communicate(timeout=30)
    assert job.returncode == 3
    assert (folder / "client-ended").exists()
    assert said.startswith(f"SESSION_DIR: {folder}\nSESSION_WORK_DIR: {folder}/work\n")


def test_every_value_arrives_as_it_is(folder: Path) -> None:
    start(folder, **ODD).communicate(timeout=30)
    _, env = of_srun(folder)
    assert {name: env[name] for name in ODD} == ODD


def test_variables_that_mean_something_to_shell_and_python_do_not_stop_the_job(folder: Path) -> None:
    odd = {"PATH": "/opt/conda/bin", "SESSION_DIR": "/elsewhere", "PYTHONHOME": "/nowhere", "UID": "0", "IFS": "x"}
    job = start(folder, **odd)
    _, said = job.communicate(timeout=30)
    assert (job.returncode, said) == (0, "")
    _, env = of_srun(folder)
    assert (env["PATH"], env["PYTHONHOME"]) == ("/opt/conda/bin", "/nowhere")


def test_neither_secret_nor_variables_are_left_in_a_file_and_the_program_has_no_secret(folder: Path) -> None:
    start(folder).communicate(timeout=30)
    assert list((folder / "secrets").iterdir()) == []
    arguments, env = of_srun(folder)
    assert "the tunnel's secret" not in json.dumps([arguments, env]) + (folder / "client.txt").read_text()


def test_the_program_is_told_where_to_listen_and_the_tunnel_leads_there(folder: Path) -> None:
    start(folder).communicate(timeout=30)
    arguments, env = of_srun(folder)
    port = env["RENKU_SESSION_PORT"]
    assert arguments == ["--environment", f"{folder}/environment.toml", "--no-container-entrypoint", "sh", "/etc/rc"]
    assert 20000 <= int(port) < 32000
    assert (env["RENKU_SESSION_IP"], env["RENKU_WORKING_DIR"]) == ("127.0.0.1", f"{folder}/work")
    assert (env["GIT_PROXY_PORT"], env["GIT_PROXY_HEALTH_PORT"]) == ("40001", "40002")
    assert (folder / "client.txt").read_text().split("\n") == [
        *("--secret-file", "secrets/wstunnel_secret", "--ports-file", "logs/ports", "--reverse", f"8000:{port}"),
        *("--forward", "0:65480", "--forward", "0:65481"),
        "https://renku.example.org:8443/sessions/mine/__amalthea__/tunnel",
    ]


def test_a_cancelled_job_ends_its_program_and_its_tunnel(folder: Path) -> None:
    job = start(folder, PROGRAM_STAYS="1")
    deadline = time.monotonic() + 30
    while not (folder / "srun-started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=30)
    assert job.returncode == 143
    assert (folder / "srun-ended").exists()
    assert (folder / "client-ended").exists()


def test_a_job_without_a_tunnel_ends_and_says_why(folder: Path) -> None:
    job = start(folder, TUNNEL_FAILS="1")
    _, said = job.communicate(timeout=30)
    assert job.returncode == 1
    assert "the tunnel could not be opened: no tunnel today" in said
    assert not (folder / "srun.json").exists()


def test_a_job_that_runs_again_says_that_its_files_are_used_up(folder: Path) -> None:
    start(folder).communicate(timeout=30)
    again = subprocess.run(["bash", script.SCRIPT], cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    assert again.returncode == 1
    assert "this job ran before" in again.stderr


def test_slurms_lines_come_right_after_the_first() -> None:
    assert script.render(["#SBATCH --nodes=1", "#SBATCH --mem=1M"]).startswith(
        b"#!/bin/bash\n#SBATCH --nodes=1\n#SBATCH --mem=1M\n#"
    )
