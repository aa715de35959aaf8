"""The job's script, run by bash on this machine: Slurm's srun and the tunnel's client are replaced by recorders.

What users' values hold arrives exactly, the job ends as the program does, and nothing secret is left behind.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from amalthea.remote.firecrest.prepare import environment, launch, script
from amalthea.remote.firecrest.prepare.environment import Repository
from amalthea.remote.firecrest.prepare.launch import Mount, Place
from amalthea.remote.firecrest.settings import FirecrestSettings, Program, Runtime

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
import json, os, pathlib, signal, sys, time
arguments = sys.argv[1:]
pathlib.Path("client.txt").write_text("\\n".join(arguments))
pathlib.Path("client.json").write_text(json.dumps(dict(os.environ)))
if os.environ.get("TUNNEL") == "fails":
    sys.exit("no tunnel today")
pathlib.Path(arguments[arguments.index("--secret-file") + 1]).unlink()
pathlib.Path("logs/ports").write_text("8000 20123\\n65480 40001\\n65481 40002\\n")
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path("client-ended").touch(), sys.exit(0)))
while not (os.environ.get("TUNNEL") == "breaks" and pathlib.Path("srun-started").exists()):
    time.sleep(0.05)
sys.exit("the tunnel broke")
"""
_SRUN = f"""\
#!{sys.executable} -I
import json, os, pathlib, signal, sys, time
pathlib.Path("srun.json").write_text(json.dumps([sys.argv[1:], dict(os.environ)]))
def end(*_):
    pathlib.Path("srun-ended").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("PROGRAM_IS_DEAF") else end)
if os.environ.get("PROGRAM_STAYS"):
    pathlib.Path("srun-started").touch()
    while not pathlib.Path("srun-may-end").exists():
        time.sleep(0.05)
if sys.argv[1] == "/bin/sh":
    os.execvp(sys.argv[1], sys.argv[1:])
sys.exit(int(os.environ.get("PROGRAM_EXITS", "0")))
"""
_RECORDER = f"""\
#!{sys.executable} -I
import json, os, pathlib, sys
pathlib.Path(os.environ["RECORD"]).write_text(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]))
"""
WORDS = FirecrestSettings(
    "",
    "",
    program=Program.SPEC,
    command=("recorder", "--port=$(RENKU_SESSION_PORT)"),
    args=("it's $(COMMA)", "$(NOBODY) $$(COMMA) $HOME `id` $(a b)", "", "two\nlines"),
)
"""A command with all that Kubernetes fills in, and all that a shell would."""
FILLED_IN = ["--port=20123", "it's a,b,c", "$(NOBODY) $(COMMA) $HOME `id` $(a b)", "", "two\nlines"]
"""The arguments that the program gets then."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/srun").write_text(_SRUN)
    (tmp_path / "bin/srun").chmod(0o755)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/wstunnel_secret").write_text("the tunnel's secret")
    (tmp_path / "tunnel_client.py").write_text(_CLIENT)
    write_script(tmp_path, FirecrestSettings("", ""))
    return tmp_path


def write_script(folder: Path, settings: FirecrestSettings) -> None:
    place = Place(str(folder), f"{folder}/work", f"{folder}/work", [Mount("/scratch", "/scratch")], ["COMMA", "LINES"])
    line = launch.command_line(settings, "registry.example.org/lab:1", place)
    (folder / script.SCRIPT).write_bytes(script.render(["#SBATCH --nodes=1"], line))


def start(folder: Path, **env: str) -> "subprocess.Popen[str]":
    return start_on({}, folder, env)


def start_on(
    node: Mapping[str, str],
    folder: Path,
    env: Mapping[str, str] = MappingProxyType({}),
    repositories: Sequence[Repository] = (),
) -> "subprocess.Popen[str]":
    """Start the job on a node whose own variables are `node`, in a session whose variables are `env`."""
    session = {
        "REMOTE_SESSION_IMAGE": "python:3",
        "RENKU_BASE_URL": "https://renku.example.org:8443",
        "RENKU_BASE_URL_PATH": "/sessions/mine",
        "RSC_SESSION_PORT": "8000",
    }
    values = environment.variables(session | {f"USER_ENV_{key}": value for key, value in env.items()}, repositories)
    (folder / "secrets" / script.VARIABLES).write_bytes(environment.env_file(values))
    surroundings = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "SESSION_DIR": str(folder), "SLURM_JOB_ID": "7"}
    surroundings |= node
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


def test_a_node_whose_gpu_does_not_answer_does_not_hold_up_the_start(folder: Path) -> None:
    programs = {"nvidia-smi": "sleep 1000", "timeout": 'shift 3; exec /usr/bin/timeout -k 1 0.2 "$@"'}
    for name, text in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/bash\ntrap '' TERM\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    job = start(folder)
    job.communicate(timeout=30)
    assert job.returncode == 0
    assert of_srun(folder)[1]["NVIDIA_VISIBLE_DEVICES"] == "void"


def test_neither_secret_nor_variables_are_left_in_a_file_and_the_program_has_no_secret(folder: Path) -> None:
    start(folder).communicate(timeout=30)
    assert list((folder / "secrets").iterdir()) == []
    arguments, env = of_srun(folder)
    assert "the tunnel's secret" not in json.dumps([arguments, env]) + (folder / "client.txt").read_text()


def test_the_program_is_told_where_to_listen_and_the_tunnel_leads_there(folder: Path) -> None:
    start(folder).communicate(timeout=30)
    arguments, env = of_srun(folder)
    assert arguments == ["--environment", f"{folder}/environment.toml", "--no-container-entrypoint", "sh", "/etc/rc"]
    assert env["RENKU_SESSION_PORT"] == "20123"
    assert (env["RENKU_SESSION_IP"], env["RENKU_WORKING_DIR"]) == ("127.0.0.1", f"{folder}/work")
    assert (env["GIT_PROXY_PORT"], env["GIT_PROXY_HEALTH_PORT"]) == ("40001", "40002")
    assert (folder / "client.txt").read_text().split("\n") == [
        *("--secret-file", "secrets/wstunnel_secret", "--ports-file", "logs/ports", "--reverse", "8000:0"),
        *("--forward", "0:65480", "--forward", "0:65481"),
        "https://renku.example.org:8443/sessions/mine/__amalthea__/tunnel",
    ]


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def change_script(folder: Path, old: str, new: str) -> None:
    text = (folder / script.SCRIPT).read_text()
    assert text.count(old) == 1
    (folder / script.SCRIPT).write_text(text.replace(old, new))


BASH_4 = """
wait() {
    if [ "${1:-}" = -n ]; then builtin wait -n; else builtin wait "$@"; fi
}
"""
"""What bash makes of `wait -n` before version 5: it takes no ids."""


@pytest.mark.parametrize("bash", ["", BASH_4], ids=["this bash", "bash 4"])
def test_a_session_goes_on_when_its_repositories_are_there(bash: str, folder: Path) -> None:
    change_script(folder, "\numask 077\n", f"\numask 077\n{bash}")
    quick = {"GIT_PROXY_WAIT_RETRIES": "1", "GIT_PROXY_WAIT_SLEEP_SECONDS": "0"}
    job = start_on({}, folder, {"PROGRAM_STAYS": "1", "PROGRAM_EXITS": "3"} | quick, [Repository("lab", "main")])
    logs = folder / "logs/git.logs"
    until(lambda: logs.exists() and "The repositories are there" in logs.read_text())
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(timeout=1)  # where the job took the repositories' end for its own, it ends at once
    (folder / "srun-may-end").touch()
    said, _ = job.communicate(timeout=30)
    assert (job.returncode, (folder / "srun-ended").exists()) == (3, False)
    assert "the program has ended with exit code 3" in said
    assert (folder / "work/lab/ERROR").read_text() == "Error: could not contact the git proxy\n"


def test_the_job_waits_for_no_ids_at_once_since_bash_4_ignores_them() -> None:
    text = script.render([], ["srun"]).decode()
    waits = re.findall(r"\bwait -\w*n\b[^|;&\n]*", text)
    assert [wait.split() for wait in waits] == [["wait", "-n"]]


def test_a_job_whose_tunnel_breaks_ends_its_program_and_says_so(folder: Path) -> None:
    job = start_on({"TUNNEL": "breaks"}, folder, {"PROGRAM_STAYS": "1"})
    _, said = job.communicate(timeout=15)
    assert job.returncode == 1
    assert "the tunnel's client ended: the tunnel broke" in said
    assert (folder / "srun-ended").exists()


def test_a_program_that_is_deaf_to_sigterm_is_killed(folder: Path) -> None:
    change_script(folder, "SECONDS + 20", "SECONDS + 1")
    job = start_on({"TUNNEL": "breaks"}, folder, {"PROGRAM_STAYS": "1", "PROGRAM_IS_DEAF": "1"})
    _, said = job.communicate(timeout=15)
    assert job.returncode == 1
    assert "the tunnel's client ended" in said


def test_the_program_has_the_cores_that_the_job_asked_for(folder: Path) -> None:
    start_on({"SLURM_CPUS_PER_TASK": "4"}, folder).communicate(timeout=30)
    assert of_srun(folder)[1]["SRUN_CPUS_PER_TASK"] == "4"


def test_without_a_wish_for_cores_srun_is_told_none(folder: Path) -> None:
    start(folder).communicate(timeout=30)
    assert "SRUN_CPUS_PER_TASK" not in of_srun(folder)[1]


def test_a_variable_may_be_named_like_one_of_the_scripts_own(folder: Path) -> None:
    text = (folder / script.SCRIPT).read_text()
    names: set[tuple[str, str]] = set(re.findall(r"\b([a-z][a-z_]+)\+?=|for ([a-z]+) in", text))
    own = {name for found in names for name in found if name}
    assert own >= {"launch", "told", "opened", "variables", "name", "code", "tunnel", "program"}
    values = dict.fromkeys(own - {"https_proxy", "no_proxy"}, "/nowhere")
    job = start(folder, PROGRAM_EXITS="3", **values)
    _, said = job.communicate(timeout=30)
    assert (job.returncode, said) == (3, "")
    assert values.items() <= of_srun(folder)[1].items()


def test_what_is_meant_for_the_container_does_not_reach_the_nodes_own_tools(folder: Path) -> None:
    named = ("SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "PYTHONPATH", "GIT_DIR", "HOME")
    values = dict.fromkeys(named, "/in/the/container")
    node = {"SSL_CERT_FILE": "/of/the/site.pem", "HOME": "/home/ada"}
    job = start_on(node, folder, values | {"https_proxy": "http://proxy:3128"})
    _, said = job.communicate(timeout=30)
    assert (job.returncode, said) == (0, "")
    assert values.items() <= of_srun(folder)[1].items()
    seen = json.loads((folder / "client.json").read_text())
    assert {name: seen.get(name) for name in named} == dict.fromkeys(named) | node
    assert seen["https_proxy"] == "http://proxy:3128"


def test_the_sites_authorities_reach_the_tunnels_client(folder: Path) -> None:
    (folder / script.TUNNEL_AUTHORITIES).write_text("a certificate")
    start(folder, SSL_CERT_FILE="/in/the/container").communicate(timeout=30)
    assert (folder / "client.txt").read_text().split("\n")[:2] == ["--ca-file", script.TUNNEL_AUTHORITIES]


def test_a_job_that_does_not_get_to_its_program_leaves_no_secret(folder: Path) -> None:
    start_on({"TUNNEL": "fails"}, folder).communicate(timeout=30)
    assert list((folder / "secrets").iterdir()) == []


def test_a_job_that_ends_leaves_the_next_jobs_secret_alone(folder: Path) -> None:
    job = start(folder, PROGRAM_STAYS="1")
    until((folder / "srun-started").exists)
    (folder / "secrets/wstunnel_secret").write_text("the next one")
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=30)
    assert (folder / "secrets/wstunnel_secret").read_text() == "the next one"


def test_a_cancelled_job_ends_its_program_and_its_tunnel(folder: Path) -> None:
    job = start(folder, PROGRAM_STAYS="1")
    until((folder / "srun-started").exists)
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=30)
    assert job.returncode == 143
    assert (folder / "srun-ended").exists()
    assert (folder / "client-ended").exists()


def test_a_job_without_a_tunnel_ends_and_says_why(folder: Path) -> None:
    job = start_on({"TUNNEL": "fails"}, folder)
    _, said = job.communicate(timeout=30)
    assert job.returncode == 1
    assert "the tunnel could not be opened: no tunnel today" in said
    assert not (folder / "srun.json").exists()


def test_a_job_that_runs_again_says_that_its_files_are_used_up(folder: Path) -> None:
    start(folder).communicate(timeout=30)
    again = subprocess.run(["bash", script.SCRIPT], cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    assert again.returncode == 1
    assert "this job ran before" in again.stderr


def recorder(folder: Path, name: str) -> None:
    (folder / "bin" / name).write_text(_RECORDER)
    (folder / "bin" / name).chmod(0o755)


def recorded(folder: Path, settings: FirecrestSettings, **env: str) -> tuple[list[str], str, dict[str, str]]:
    """Run the job, and return what the recorder was started with: arguments, folder and variables."""
    write_script(folder, settings)
    job = start(folder, COMMA="a,b,c", RECORD=f"{folder}/record.json", **env)
    _, said = job.communicate(timeout=30)
    assert (job.returncode, said) == (0, "")
    arguments, cwd, seen = json.loads((folder / "record.json").read_text())
    return arguments, cwd, seen


def test_the_plain_host_runs_the_specs_command_with_its_references_filled_in(folder: Path) -> None:
    recorder(folder, "recorder")
    arguments, cwd, env = recorded(folder, replace(WORDS, runtime=Runtime.HOST))
    assert (arguments, cwd) == (FILLED_IN, f"{folder}/work")
    assert env["COMMA"] == "a,b,c"
    [*_, words] = of_srun(folder)[0]
    assert "a,b,c" not in words  # what srun is called with is kept by Slurm's accounting


def test_a_folder_that_the_host_does_not_have_is_told_and_nothing_runs_elsewhere(folder: Path) -> None:
    recorder(folder, "recorder")
    place = Place(str(folder), f"{folder}/work", "/does/not exist", [], [])
    line = launch.command_line(replace(WORDS, runtime=Runtime.HOST), "", place)
    (folder / script.SCRIPT).write_bytes(script.render([], line))
    job = start(folder, RECORD=f"{folder}/record.json")
    _, said = job.communicate(timeout=30)
    assert job.returncode != 0
    assert "/does/not exist" in said
    assert not (folder / "record.json").exists()


@pytest.mark.parametrize("runs", ["the spec's command", "the image with the spec's arguments", "the image"])
def test_apptainer_gets_every_argument(runs: str, folder: Path) -> None:
    recorder(folder, "apptainer")
    given, call, words = {
        "the spec's command": (WORDS, "exec", ["recorder", *FILLED_IN]),
        "the image with the spec's arguments": (replace(WORDS, command=()), "run", FILLED_IN[1:]),
        "the image": (replace(WORDS, program=Program.IMAGE), "run", []),
    }[runs]
    nodes = f"{folder}/bin:{os.environ['PATH']}"
    arguments, _, env = recorded(folder, replace(given, runtime=Runtime.APPTAINER), PATH="/opt/conda/bin")
    work = f"{folder}/work"
    assert arguments == [
        *(call, "--bind", "/scratch:/scratch", "--home", work, "--pwd", work, "--writable-tmpfs"),
        *("docker://registry.example.org/lab:1", *words),
    ]
    assert (env["PATH"], env["APPTAINERENV_PATH"]) == (nodes, "/opt/conda/bin")


@pytest.mark.parametrize("program", [Program.IMAGE, Program.SPEC])
def test_pyxis_gets_every_argument(program: Program, folder: Path) -> None:
    write_script(folder, replace(WORDS, runtime=Runtime.PYXIS, program=program))
    start(folder).communicate(timeout=30)
    arguments, _ = of_srun(folder)
    assert arguments[:6] == [
        "--container-image=registry.example.org#lab:1",
        "--container-mounts=/scratch:/scratch",
        f"--container-workdir={folder}/work",
        "--container-env=COMMA,LINES",
        "--no-container-mount-home",
        "--no-container-entrypoint",
    ]
    assert as_run(arguments[6:], folder) == (["sh", "/etc/rc"] if program is Program.IMAGE else FILLED_IN)


def test_the_container_engine_runs_the_specs_command_where_that_is_wanted(folder: Path) -> None:
    write_script(folder, WORDS)
    start(folder).communicate(timeout=30)
    arguments, _ = of_srun(folder)
    assert arguments[:3] == ["--environment", f"{folder}/environment.toml", "--no-container-entrypoint"]
    assert as_run(arguments[3:], folder) == FILLED_IN


def as_run(words: list[str], folder: Path) -> list[str]:
    """Return what a shell in the container would start the recorder with; the words as they are if it is not there."""
    if words[:2] != ["sh", "-c"]:
        return words
    recorder(folder, "recorder")
    env = {"PATH": f"{folder}/bin:/usr/bin:/bin", "RECORD": f"{folder}/record.json"}
    seen = env | {"COMMA": "a,b,c", "RENKU_SESSION_PORT": "20123"}
    subprocess.run(words, env=seen, check=True, timeout=30)
    arguments: list[str] = json.loads((folder / "record.json").read_text())[0]
    return arguments


def test_slurms_lines_come_right_after_the_first() -> None:
    assert script.render(["#SBATCH --nodes=1", "#SBATCH --mem=1M"], ["srun"]).startswith(
        b"#!/bin/bash\n#SBATCH --nodes=1\n#SBATCH --mem=1M\n#"
    )
