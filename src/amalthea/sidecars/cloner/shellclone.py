"""`cloner shellclone`: the repositories that the web back end lists in variables, cloned with the user's own tokens.

A failed repository does not keep the session from starting: it gets a file ERROR, and the next start tries again.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from amalthea.sidecars.cloner import exit_code, variables
from amalthea.sidecars.cloner.access import remote
from amalthea.sidecars.cloner.access.credential_rule import siblings
from amalthea.sidecars.cloner.access.credentials import Access, Credentials, Login
from amalthea.sidecars.cloner.access.git_environment import workplace
from amalthea.sidecars.cloner.contents import cloning, submodules
from amalthea.sidecars.cloner.contents.checkout import Revision
from amalthea.sidecars.cloner.errors import CloneFailed, GitFailed, Misconfigured
from amalthea.sidecars.cloner.process import hardening
from amalthea.sidecars.cloner.process.git import Git, say
from amalthea.sidecars.cloner.variables import Repository, Variables

_HTTP = "GIT_CLONE_ALLOW_HTTP_HOSTS"
_TOKEN_USER = "oauth2"  # noqa: S105  (the user that goes with a token)


def main(arguments: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    return exit_code.run(lambda: _run(arguments, os.environ))


def _run(arguments: Sequence[str], given: Mapping[str, str]) -> list[str]:
    """Clone all; return what is missing."""
    exit_code.Flags(
        prog="cloner shellclone", description="Clone the repositories that the variables GIT_CLONE_… list."
    ).parse_args(arguments)
    wanted = variables.read(given)
    hardening.wipe([variables.RENKU_TOKEN])
    _report_errors(wanted.sentry)
    for fault in wanted.faults:
        say(fault)
    missing: list[str] = []
    taken: dict[str, str] = {}
    for repository in wanted.repositories:
        try:
            source = _source(repository)
        except Misconfigured as error:
            missing.append(_refuse(wanted.mount_path, repository, str(error)))
            continue
        if taken.setdefault(source.folder, source.address) != source.address:
            missing.append(_twice(source, taken[source.folder], wanted.mount_path))
        else:
            missing += _one(wanted, repository, source, given)
    return missing


def _source(repository: Repository) -> remote.Remote:
    """Return the address of a repository; raise Misconfigured if its entry cannot be used."""
    if repository.fault:
        raise Misconfigured(repository.fault)
    return remote.parse(repository.url, repository.variable)


def _twice(source: remote.Remote, first: str, place: Path) -> str:
    """Log, and return, that a repository has no folder, since one before it has its name."""
    message = f"{source.address} is not cloned: {first} already has the folder {place / source.folder}."
    say(message)
    return message


def _refuse(place: Path, repository: Repository, message: str) -> str:
    """Report what is wrong with an entry, also in its folder if that is known and holds nothing of somebody else's."""
    name = remote.likely_folder(repository.url)
    try:
        is_free = name is not None and not cloning.is_taken(place / name)
    except OSError:
        is_free = False
    if name is not None and is_free:
        _leave_error(place / name, message)
    else:
        say(message)
    return message


def _one(wanted: Variables, repository: Repository, source: remote.Remote, given: Mapping[str, str]) -> Sequence[str]:
    """Clone one repository, unless it is there; return what is missing."""
    folder = wanted.mount_path / source.folder
    try:
        if cloning.is_taken(folder):
            say(f"{folder} already exists; only its settings for the git proxy are written.")
            with workplace(source, Access(), given, (wanted.mount_path,)) as work:
                _set_proxies(work.local, folder, wanted.proxy_port)
            return ()
        order = cloning.Order(
            source,
            folder,
            Revision(repository.branch, repository.commit_sha),
            Access(_credentials(wanted, repository, source, given), other_paths=_paths(wanted, repository, source)),
            wanted.large_files,
        )
        left_out = cloning.make(order, lambda git, folders: _finish(git, folders[0], wanted))
        say(f"{source.address} was cloned into {folder}.")
        return left_out
    except CloneFailed as error:
        message = str(error)
    except (GitFailed, OSError):
        message = f"The git configuration in {folder} cannot be written; check its owner and permissions."
    _leave_error(folder, message)
    return (message,)


def _credentials(
    wanted: Variables, repository: Repository, source: remote.Remote, given: Mapping[str, str]
) -> Credentials:
    """Return the user's token for the repository's provider; else go on with what its address holds, or nothing."""
    address = wanted.providers.get(repository.provider)
    has_token = bool(address and wanted.user.renku_token)
    if not source.scope or not (source.login or has_token):
        return None
    if not wanted.clear_text.allows(source.address):
        say(f"{source.address} is not encrypted: no token is sent there. Write https://, or list its host in {_HTTP}.")
        return None
    if not address or not has_token:
        return source.login
    if not wanted.clear_text.allows(address):
        say(f"The token address of {repository.provider} is not encrypted: no token is requested. List it in {_HTTP}.")
        return source.login
    from amalthea.sidecars.cloner.access import tokens  # noqa: PLC0415  (half of the start's time, and not always needed)

    try:
        return Login(_TOKEN_USER, tokens.fetch(address, wanted.user.renku_token, given))
    except tokens.NoToken as why:
        say(f"No token of {repository.provider} is available; continuing without one. {why}")
        return source.login


def _paths(wanted: Variables, repository: Repository, source: remote.Remote) -> tuple[str, ...]:
    """Return the other addresses that its provider's token may go to: repositories that are listed for the provider."""
    listed = [each.url for each in wanted.repositories if each.provider == repository.provider]
    return siblings(listed, source.address)


def _finish(git: Git, clone: Path, wanted: Variables) -> None:
    config = str(clone / ".git" / "config")
    for name, value in (("user.name", wanted.user.full_name), ("user.email", wanted.user.email)):
        if value:
            git.run("config", "--file", config, name, value)
    _set_proxies(git, clone, wanted.proxy_port)


def _set_proxies(git: Git, clone: Path, port: int | None) -> None:
    """Route the traffic of a clone and of its submodules through the git proxy, or past it."""
    configs = [each for each in (clone / ".git" / "modules").rglob("config") if (each.parent / "HEAD").is_file()]
    for config in (clone / ".git" / "config", *configs[: submodules.MOST]):
        if config.is_file() and not config.is_symlink():
            _set_proxy(git, config, port)


def _set_proxy(git: Git, config: Path, port: int | None) -> None:
    """Route one repository's traffic through the git proxy. It shows a certificate of its own, on localhost."""
    for name, value in (("http.proxy", f"http://localhost:{port}"), ("http.sslVerify", "false")):
        if port is not None:
            git.run("config", "--file", str(config), "--replace-all", name, value)
        else:
            git.asks("config", "--file", str(config), "--unset-all", name)


def _leave_error(folder: Path, message: str) -> None:
    """Report what failed in the log and, where the folder can be written, in a file in it."""
    say(message)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / cloning.ERROR_FILE).write_text(f"{message}\n", encoding="utf-8")
    except OSError as error:
        say(f"This could not be written into {folder}: {error.strerror}.")


def _report_errors(sentry: variables.Sentry) -> None:
    """Report faults of this program, not those of repositories, to Sentry where that is asked for and installed."""
    if not sentry.dsn:
        return
    try:
        from amalthea.telemetry import sentry as telemetry  # noqa: PLC0415  (an extra)

        telemetry.set_up(
            sentry.dsn,
            environment=sentry.environment,
            release=sentry.release,
            traces_sample_rate=sentry.sample_rate,
        )
    except ModuleNotFoundError:
        say("GIT_CLONE_SENTRY__ENABLED needs the package sentry-sdk; errors are not reported.")
    except ValueError:
        say("GIT_CLONE_SENTRY__DSN cannot be used; errors are not reported.")
