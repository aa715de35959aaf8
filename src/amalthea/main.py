"""The command tree: `amalthea operator`, `explain`, `trial`, `completion`. Only the command that runs is imported.

The same program is `kubectl amalthea`, and takes flags alone as the operator's, as the Go operator's image does.
"""

import argparse
import asyncio
import importlib.util
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from amalthea import __version__

if TYPE_CHECKING:
    from amalthea.operator import instance

_ZAP = ("devel", "encoder", "log-level", "stacktrace-level", "time-encoding")
IGNORED_FLAGS = ("enable-http2", *(f"zap-{name}" for name in _ZAP))
"""Flags of the Go operator that have no meaning here: accepted with a warning, so that its charts start this one."""


SHELLS = ("bash", "zsh", "fish")
OWN_FLAGS = ("-h", "--help", "--version")
"""Flags of the program itself. Any other one in the first place is the operator's."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given and given[0].startswith("-") and given[0] not in OWN_FLAGS:
        given.insert(0, "operator")  # a Deployment for the Go operator's image may have `args` alone
    arguments = command_tree(Path(sys.argv[0]).name).parse_args(given)
    run = {"operator": _operator, "explain": _explain, "trial": _trial, "completion": _completion}
    return run[arguments.command](arguments)


def command_tree(program: str = "amalthea") -> argparse.ArgumentParser:
    """Return the parser. `program` is the name that it was started by: a plugin of kubectl speaks of itself as one."""
    shown = "kubectl amalthea" if program == "kubectl-amalthea" else "amalthea"
    parser = argparse.ArgumentParser(prog=shown, description="User sessions on Kubernetes.")
    parser.add_argument("--version", action="version", version=f"amalthea {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _operator_flags(commands.add_parser("operator", help="run the operator"))
    _explain_flags(commands.add_parser("explain", help="say how a session is, why, and what comes next"))
    _trial_flags(commands.add_parser("trial", help="run a small session from its creation to its end"))
    completion = commands.add_parser("completion", help="print a script by which a shell completes commands and flags")
    completion.add_argument("shell", choices=SHELLS)
    return parser


def _operator_flags(parser: argparse.ArgumentParser) -> None:
    def flag(name: str, **kwargs: object) -> None:
        # Go's flags may be written with one hyphen as well as with two.
        parser.add_argument(f"--{name}", f"-{name}", **kwargs)  # type: ignore[arg-type]

    on_off: dict[str, object] = {"nargs": "?", "const": True, "default": False, "type": _boolean}
    on_off["metavar"] = "true|false"
    flag("metrics-bind-address", default="0", metavar="ADDRESS", help="address for /metrics, such as :8080; 0 for none")
    secure = "serve metrics over TLS, only to those who may read them; true by default"
    flag("metrics-secure", help=secure, **{**on_off, "default": True})
    flag("metrics-cert-path", type=Path, metavar="FOLDER", help="folder with tls.crt and tls.key; else one is made")
    flag("health-probe-bind-address", default=":8081", metavar="ADDRESS", help="address for /healthz and /readyz")
    flag("leader-elect", help="act only while holding the Lease, so that several can run", **on_off)
    flag("kubeconfig", type=Path, metavar="FILE", help="use the cluster that this file names")
    flag("sentry-dsn", default="", metavar="URL", help="report errors to this Sentry project")
    flag("sentry-environment", default="", help="environment that is reported to Sentry")
    flag("sentry-release", default="", help="release that is reported to Sentry")
    flag("sentry-traces-sample-rate", type=float, default=0.0, metavar="0..1", help="fraction of the passes to trace")
    for name in IGNORED_FLAGS:
        flag(name, nargs="?", const="true", default=None, help=argparse.SUPPRESS)


def _explain_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="the session; by default all sessions of the namespace")
    parser.add_argument("-n", "--namespace", default="", help="its namespace; that of the kubeconfig by default")
    _cluster_flags(parser)
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="text for people, json for programs"
    )
    parser.add_argument("--no-color", action="store_true", help="no colours, even on a terminal")


def _trial_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", required=True, help="any image with python3, such as the operator's")
    parser.add_argument("-n", "--namespace", default="", help="where to run it; the kubeconfig's by default")
    _cluster_flags(parser)
    limit = "time limit for being ready, and for being deleted"
    parser.add_argument("--timeout", type=float, default=180.0, metavar="SECONDS", help=limit)


def _cluster_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="use the cluster that this file names")
    parser.add_argument("--context", metavar="NAME", help="the kubeconfig's context; the current one by default")


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "t", "1"):
        return True
    if text.lower() in ("false", "f", "0"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _operator(arguments: argparse.Namespace) -> int:
    from amalthea.engine.clock import SystemClock  # noqa: PLC0415
    from amalthea.kube.auth import config  # noqa: PLC0415
    from amalthea.kube.auth.credentials import ConfigError  # noqa: PLC0415
    from amalthea.kube.errors import ApiError  # noqa: PLC0415
    from amalthea.operator import run, web  # noqa: PLC0415
    from amalthea.settings import SettingsError, from_environment  # noqa: PLC0415  (only this command needs it)
    from amalthea.telemetry import logs  # noqa: PLC0415

    try:
        logs.set_up(os.environ.get("LOG_LEVEL") or "info")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    log = logging.getLogger("amalthea")
    for name in IGNORED_FLAGS:
        if getattr(arguments, name.replace("-", "_")) is not None:
            log.warning("a flag has no meaning here and is ignored", extra={"flag": name})
    try:
        options = run.Options(
            metrics_address=arguments.metrics_bind_address,
            metrics_secure=_serves_securely(arguments),
            metrics_certificates=arguments.metrics_cert_path,
            probe_address=arguments.health_probe_bind_address,
            leader_elect=arguments.leader_elect,
            trace=_report_errors(arguments),
        )
        settings = from_environment(os.environ)
        cluster = config.load(os.environ, SystemClock(), arguments.kubeconfig)
        asyncio.run(run.run(cluster, settings, options))
    except (SettingsError, ConfigError, web.BindError, ApiError) as error:
        log.error("the operator cannot start", extra={"error": str(error)})
        return 1
    return 0


def _serves_securely(arguments: argparse.Namespace) -> bool:
    """Return whether metrics are served, and over TLS.

    Raises:
        SettingsError: it needs a certificate that nobody gave, and the package that makes one is not installed.
    """
    if arguments.metrics_bind_address == "0" or not arguments.metrics_secure:
        return False
    if arguments.metrics_cert_path is None and importlib.util.find_spec("cryptography") is None:
        from amalthea.settings import SettingsError  # noqa: PLC0415

        raise SettingsError(
            "--metrics-secure makes a certificate, which needs an extra package; install amalthea[tls], name a folder "
            "with tls.crt and tls.key by --metrics-cert-path, or serve metrics in clear text by --metrics-secure=false."
        )
    return True


def _completion(arguments: argparse.Namespace) -> int:
    import shtab  # noqa: PLC0415  (only this command needs it)

    sys.stdout.write(shtab.complete(command_tree(), shell=arguments.shell) + "\n")
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    from amalthea.cli import explain  # noqa: PLC0415  (only this command needs it)
    from amalthea.cli.errors import CannotExplain  # noqa: PLC0415
    from amalthea.cli.text import Terminal  # noqa: PLC0415
    from amalthea.engine.clock import SystemClock  # noqa: PLC0415
    from amalthea.kube.auth import config  # noqa: PLC0415
    from amalthea.kube.auth.credentials import ConfigError  # noqa: PLC0415

    clock = SystemClock()
    colour = sys.stdout.isatty() and not arguments.no_color and not os.environ.get("NO_COLOR")
    request = explain.Request(
        name=arguments.name,
        namespace=arguments.namespace,
        kubeconfig=arguments.kubeconfig,
        context=arguments.context,
        as_json=arguments.output == "json",
        paper=Terminal(width=shutil.get_terminal_size().columns, colour=colour),
    )
    try:
        cluster = config.load(os.environ, clock, arguments.kubeconfig, arguments.context)
        output = asyncio.run(explain.explain(cluster, request, clock.now().replace(microsecond=0)))
    except (ConfigError, CannotExplain) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(output)
    return 0


def _trial(arguments: argparse.Namespace) -> int:
    from amalthea.cli import trial  # noqa: PLC0415  (only this command needs it)
    from amalthea.engine.clock import SystemClock  # noqa: PLC0415
    from amalthea.kube.auth import config  # noqa: PLC0415
    from amalthea.kube.auth.credentials import ConfigError  # noqa: PLC0415

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    clock = SystemClock()
    wanted = trial.Trial(arguments.image, arguments.namespace, arguments.timeout)
    try:
        cluster = config.load(os.environ, clock, arguments.kubeconfig, arguments.context)
        asyncio.run(trial.run(cluster, wanted, clock, say))
    except (ConfigError, trial.TrialError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _report_errors(arguments: argparse.Namespace) -> "instance.Trace | None":
    """Report errors to Sentry where that is asked for; return what traces passes then.

    Its package is an extra, and imported only then.

    Raises:
        SettingsError: the package is missing, or the DSN is not a DSN.
    """
    if not arguments.sentry_dsn:
        return None
    from amalthea.settings import SettingsError  # noqa: PLC0415

    try:
        from amalthea.telemetry import sentry  # noqa: PLC0415

        sentry.set_up(
            arguments.sentry_dsn,
            environment=arguments.sentry_environment,
            release=arguments.sentry_release,
            traces_sample_rate=arguments.sentry_traces_sample_rate,
        )
    except ModuleNotFoundError as error:
        raise SettingsError("--sentry-dsn needs an extra package; install amalthea[sentry].") from error
    except ValueError as error:
        raise SettingsError(f"--sentry-dsn cannot be used ({error}); write the DSN that Sentry shows.") from None
    return sentry.traced


if __name__ == "__main__":
    sys.exit(main())
