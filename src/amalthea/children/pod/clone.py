"""Code repositories: the init containers that clone them, each with nothing but its own credentials.

The git configuration for the running session (`configSecretRef`) is mounted beside them, and an environment variable
tells the cloner where: one of the Go operator's sidecars ignores it, ours writes it into the clone.
"""

from collections.abc import Iterator

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import CodeRepository, SecretKeyRef
from amalthea.children.pod import auth
from amalthea.children.pod.volumes import files_at, session_mount
from amalthea.children.shared.snippets import HARDENED, compact
from amalthea.children.shared.subject import Subject

_CREDENTIALS = "/git-clone-secrets"
_SESSION_CONFIG = "/git-session-config"
_TMP = "/tmp"  # noqa: S108  (where git and its helpers put what they need for a moment)
_TEMPORARY: Manifest = {"name": names.VOLUME_CLONE_TMP, "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}
SESSION_CONFIG_VARIABLE = "CLONER_SESSION_CONFIG"
"""Names the file whose git configuration the cloner adds to the clone's."""
HTTP_HOSTS_VARIABLE = "GIT_CLONE_ALLOW_HTTP_HOSTS"
"""Lists the hosts that may get a repository's credentials without TLS."""

AWAITED_DOORS_VARIABLE = "CLONER_AWAITED_DOORS"
"""Lists the addresses that the cloner waits for before it ends, separated by commas."""


def containers(subject: Subject) -> list[Manifest]:
    """Return an init container for each repository. The first one also waits until the session's doors listen."""
    awaited = ",".join(auth.awaited(subject))
    return [
        _container(subject, index, repository, "" if index else awaited)
        for index, repository in enumerate(_repositories(subject))
    ]


def volumes(subject: Subject) -> list[Manifest]:
    """Return the volumes of the repositories' secrets, and the one in which the clone containers work."""
    secrets: list[Manifest] = [
        {"name": name, "secret": {"secretName": ref.name}}
        for index, repository in enumerate(_repositories(subject))
        for name, ref, _ in _secrets(index, repository)
    ]
    return [*secrets, _TEMPORARY] if _repositories(subject) else []


def _repositories(subject: Subject) -> list[CodeRepository]:
    return subject.spec.code_repositories or []


def _secrets(index: int, repository: CodeRepository) -> Iterator[tuple[str, SecretKeyRef, str]]:
    """Return volume name, secret and mount path of each secret that a repository has."""
    if repository.cloning_config_secret_ref is not None:
        yield names.clone_credentials_volume(index), repository.cloning_config_secret_ref, _CREDENTIALS
    if repository.config_secret_ref is not None:
        yield f"amalthea-git-session-config-volume-{index}", repository.config_secret_ref, _SESSION_CONFIG


def _env(session_config: str, http_hosts: str, awaited: str) -> list[Manifest]:
    values = {
        SESSION_CONFIG_VARIABLE: session_config,
        HTTP_HOSTS_VARIABLE: http_hosts,
        AWAITED_DOORS_VARIABLE: awaited,
    }
    return [{"name": name, "value": value} for name, value in values.items() if value]


def _container(subject: Subject, index: int, repository: CodeRepository, awaited: str) -> Manifest:
    session = subject.spec.session
    config = repository.config_secret_ref
    return compact(
        {
            "name": names.clone_container(index),
            "image": subject.settings.sidecars_image,
            "args": _args(files_at(session), repository),
            "env": _env(
                f"{_SESSION_CONFIG}/{config.key}" if config else "", subject.settings.clone_http_hosts, awaited
            ),
            "workingDir": files_at(session),
            "securityContext": {
                "runAsNonRoot": session.run_as_user != 0,
                "runAsUser": session.run_as_user,
                "runAsGroup": session.run_as_group,
                **HARDENED,
            },
            "volumeMounts": [
                session_mount(session),
                *({"name": name, "mountPath": path} for name, _, path in _secrets(index, repository)),
                {"name": names.VOLUME_CLONE_TMP, "mountPath": _TMP, "subPath": names.clone_container(index)},
            ],
        }
    )


def _args(files: str, repository: CodeRepository) -> list[str]:
    credentials = repository.cloning_config_secret_ref
    return [
        *("cloner", "clone", "--strategy", "notifexist"),
        *("--remote", repository.remote),
        *("--path", f"{files}/{repository.clone_path}"),
        *(("--config", f"{_CREDENTIALS}/{credentials.key}") if credentials else ()),
        *(("--revision", repository.revision) if repository.revision else ()),
    ]
