"""The old chart's flags must start this operator; and a flag that is misread must stop it, with a word why."""

import logging
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amalthea import __version__
from amalthea.kube.auth import config
from amalthea.kube.auth.credentials import ConfigError
from amalthea.main import IGNORED_FLAGS, SHELLS, main
from amalthea.operator import run
from amalthea.settings import Settings
from amalthea.telemetry import logs, sentry
from tests.unit import old_chart


class Started:
    """The settings that the operator was started with."""

    options: run.Options
    settings: Settings
    kubeconfig: Path | None = None
    sentry: dict[str, Any]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Stand in for the operator: note what it is started with, and end."""
    seen = Started()
    seen.sentry = {}

    async def run_nothing(_: object, settings: Settings, options: run.Options) -> None:
        seen.settings, seen.options = settings, options

    def load(env: object, clock: object, kubeconfig: Path | None) -> None:  # noqa: ARG001  (the real one's signature)
        seen.kubeconfig = kubeconfig

    monkeypatch.setattr(run, "run", run_nothing)
    monkeypatch.setattr(config, "load", load)
    monkeypatch.setattr(logs, "set_up", lambda _: None)
    monkeypatch.setattr(sentry, "set_up", lambda dsn, **more: seen.sentry.update(dsn=dsn, **more))
    for name in old_chart.environment():
        monkeypatch.delenv(name, raising=False)
    return seen


def test_the_flags_and_environment_of_the_old_chart_start_this_operator(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in old_chart.environment().items():
        monkeypatch.setenv(name, value)

    assert main(["operator", *old_chart.flags()]) == 0

    assert started.options == run.Options(metrics_address=":8080", probe_address=":8081", leader_elect=True)
    assert started.settings.namespace == "renku"


def test_flags_alone_start_the_operator_as_they_do_in_the_go_image(started: Started) -> None:
    assert main(old_chart.flags()) == 0

    assert started.options == run.Options(metrics_address=":8080", probe_address=":8081", leader_elect=True)


def test_metrics_are_served_over_tls_unless_somebody_says_otherwise(started: Started) -> None:
    """The kustomize files of the Go operator give the address alone."""
    assert main(["--metrics-bind-address=:8443", "--leader-elect"]) == 0

    assert started.options == run.Options(metrics_address=":8443", metrics_secure=True, leader_elect=True)


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ([], 0),
        (["--metrics-bind-address=:1"], 1),
        (["--metrics-bind-address=:1", "--metrics-secure=false"], 0),
        (["--metrics-bind-address=:1", "--metrics-cert-path=/tls"], 0),
    ],
    ids=["no metrics", "own certificate", "clear text", "certificate"],
)
def test_without_the_package_for_certificates_the_operator_names_it(
    started: Started, flags: list[str], code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    assert main(["operator", *flags]) == code
    assert hasattr(started, "options") == (code == 0)
    assert code == 0 or "install amalthea[tls]" in vars(caplog.records[-1])["error"]


def test_nothing_given_means_no_metrics_and_no_election(started: Started) -> None:
    assert main(["operator"]) == 0

    assert started.options == run.Options()
    assert (started.kubeconfig, started.sentry) == (None, {})


def test_every_flag_reaches_what_it_is_for(started: Started) -> None:
    given = {
        "metrics-bind-address": ":9000",
        "metrics-cert-path": "/tls",
        "health-probe-bind-address": "127.0.0.1:9001",
        "kubeconfig": "/home/me/config",
        "sentry-dsn": "https://key@sentry.example.org/1",
        "sentry-environment": "test",
        "sentry-release": "1.2.3",
        "sentry-traces-sample-rate": "0.5",
    }

    assert main(["operator", "--leader-elect", "--metrics-secure", *(f"--{k}={v}" for k, v in given.items())]) == 0

    assert started.options == run.Options(":9000", "127.0.0.1:9001", True, Path("/tls"), True, sentry.traced)
    assert started.kubeconfig == Path("/home/me/config")
    assert started.sentry == {
        "dsn": "https://key@sentry.example.org/1",
        "environment": "test",
        "release": "1.2.3",
        "traces_sample_rate": 0.5,
    }


@pytest.mark.parametrize(
    ("flags", "elects"),
    [
        (["--leader-elect"], True),
        (["-leader-elect"], True),
        (["--leader-elect=true"], True),
        (["-leader-elect=T"], True),
        (["--leader-elect=false"], False),
        (["--leader-elect=0"], False),
        (["--leader-elect", "--metrics-bind-address", "0"], True),
        ([], False),
    ],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, list) else str(value),
)
def test_switches_are_read_as_go_reads_them(started: Started, flags: list[str], elects: bool) -> None:
    assert main(["operator", *flags]) == 0
    assert started.options.leader_elect is elects


@pytest.mark.parametrize("value", ["", "=debug"])
@pytest.mark.parametrize("name", IGNORED_FLAGS)
def test_a_flag_without_meaning_here_is_ignored_with_a_warning(
    started: Started, name: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["operator", f"--{name}{value}", "--leader-elect"]) == 0

    assert started.options.leader_elect
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert vars(warning)["flag"] == name


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["operator", "--no-such-flag"], ["operator", "--leader-elect=maybe"], ["operator", "more"]],
    ids=["no command", "unknown command", "unknown flag", "neither true nor false", "something more"],
)
def test_misspelt_arguments_end_with_a_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert "usage: amalthea" in capsys.readouterr().err


def test_a_plugin_of_kubectl_speaks_of_itself_as_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kubectl-amalthea", "fly"])
    with pytest.raises(SystemExit):
        main()

    assert "usage: kubectl amalthea " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["amalthea", ""], {"operator", "explain", "trial", "completion"}),
        (["amalthea", "explain", "--out"], {"--output"}),
        (["amalthea", "explain", "--output", ""], {"text", "json"}),
        (["amalthea", "completion", "z"], {"zsh"}),
    ],
    ids=["commands", "flags", "values", "shells"],
)
def test_bash_completes_what_was_begun(line: list[str], offered: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    words = " ".join(shlex.quote(word) for word in line)
    asked = f"COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; _shtab_amalthea; printf '%s\\n' \"${{COMPREPLY[@]}}\""

    script = f"{capsys.readouterr().out}\n{asked}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=30)

    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "explain" in capsys.readouterr().out


def test_it_prints_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])

    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"amalthea {__version__}\n"


def test_a_bad_setting_ends_the_operator_with_its_name(
    started: Started, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CLUSTER_SCOPED", "perhaps")

    assert main(["operator"]) == 1
    assert not hasattr(started, "options")
    assert vars(caplog.records[-1])["error"] == "CLUSTER_SCOPED is 'perhaps'; write true or false."


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ModuleNotFoundError("sentry_sdk"), "--sentry-dsn needs an extra package; install amalthea[sentry]."),
        (ValueError("no scheme"), "--sentry-dsn cannot be used (no scheme); write the DSN that Sentry shows."),
    ],
    ids=["not installed", "no DSN"],
)
def test_errors_that_cannot_be_reported_end_the_operator_with_a_word_why(
    error: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def set_up(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(sentry, "set_up", set_up)

    assert main(["operator", "--sentry-dsn=secret-key"]) == 1
    assert vars(caplog.records[-1])["error"] == sentence


@pytest.mark.usefixtures("started")
def test_a_cluster_that_cannot_be_found_ends_the_operator_with_a_word_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load(*_: object) -> None:
        raise ConfigError("no kubeconfig")

    monkeypatch.setattr(config, "load", load)

    assert main(["operator"]) == 1
    assert vars(caplog.records[-1])["error"] == "no kubeconfig"


def test_the_command_tree_costs_no_import_of_what_a_command_needs() -> None:
    names = ("aiohttp", "msgspec", "prometheus_client", "shtab", "yaml")
    heavy = f"[m for m in sys.modules if m.partition('.')[0] in {names}]"
    code = f"import sys, amalthea.main; sys.exit(str({heavy}) if {heavy} else 0)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_log_level_is_named_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "verbose")
    assert main(["operator"]) == 1
    assert "LOG_LEVEL is 'verbose'; write one of debug, info, warning, error." in capsys.readouterr().err
