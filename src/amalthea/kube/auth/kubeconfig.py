"""Kubeconfig files: reading one, and merging several as kubectl does.

Where two files define the same cluster, user, context or current context, the first wins. `config.py` makes a
usable configuration of the result.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import yaml

from amalthea.kube.auth.credentials import ConfigError


class Cluster(msgspec.Struct, frozen=True, rename="kebab"):
    """An API server; `*_data` is PEM."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: bytes = b""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class Variable(msgspec.Struct, frozen=True):
    """One variable of a plugin's environment."""

    name: str
    value: str = ""


class Exec(msgspec.Struct, frozen=True, rename="camel"):
    """A program that prints credentials."""

    api_version: str = ""
    command: str = ""
    args: list[str] | None = None
    env: list[Variable] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"


class User(msgspec.Struct, frozen=True, rename="kebab"):
    """Credentials. The last five are refused rather than ignored: they would give us another identity."""

    client_certificate: str = ""
    client_certificate_data: bytes = b""
    client_key: str = ""
    client_key_data: bytes = b""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    exec: Exec | None = None
    username: str = ""
    auth_provider: Any = None
    as_user: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: list[str] | None = None


class Context(msgspec.Struct, frozen=True):
    """A cluster, a user, and the namespace that is meant when none is named."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(msgspec.Struct, frozen=True):
    name: str
    cluster: Cluster


class _NamedUser(msgspec.Struct, frozen=True):
    name: str
    user: User


class _NamedContext(msgspec.Struct, frozen=True):
    name: str
    context: Context


class _File(msgspec.Struct, frozen=True, rename="kebab"):
    current_context: str = ""
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Entry(Generic[V]):
    """A named entry of one file. `where` names both, for messages; relative paths in it start at `folder`."""

    where: str
    folder: Path
    value: V

    def read(self, field: str, path: str) -> bytes:
        """Return the content of a file that the entry names.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            return (self.folder / path).read_bytes()
        except OSError as error:
            raise ConfigError(f"{self.where}: {field}: cannot read {path}: {error.strerror}") from None


class Kubeconfig:
    """Several files as one."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Read and merge.

        Raises:
            ConfigError: a file cannot be read or understood.
        """
        paths = tuple(paths)
        self.where = ":".join(str(path) for path in paths)
        self.current_context = ""
        self._clusters: dict[str, Entry[Cluster]] = {}
        self._users: dict[str, Entry[User]] = {}
        self._contexts: dict[str, Entry[Context]] = {}
        for path in paths:
            self._merge(path, _read(path))

    def context(self, name: str | None) -> Entry[Context]:
        """Return the named context, or the current one."""
        name = name or self.current_context
        if not name:
            raise ConfigError(f"{self.where}: current-context is not set")
        return _named(self._contexts, name, f"{self.where}: contexts")

    def cluster_of(self, context: Entry[Context]) -> Entry[Cluster]:
        return _named(self._clusters, context.value.cluster, f"{context.where}: cluster")

    def user_of(self, context: Entry[Context]) -> Entry[User]:
        """Return the context's user; an empty one where it names none."""
        if not context.value.user:
            return Entry(context.where, context.folder, User())
        return _named(self._users, context.value.user, f"{context.where}: user")

    def _merge(self, path: Path, file: _File) -> None:
        self.current_context = self.current_context or file.current_context
        for cluster in file.clusters or ():
            where = f"{path}: clusters[{cluster.name}]"
            self._clusters.setdefault(cluster.name, Entry(where, path.parent, cluster.cluster))
        for user in file.users or ():
            where = f"{path}: users[{user.name}]"
            self._users.setdefault(user.name, Entry(where, path.parent, user.user))
        for context in file.contexts or ():
            where = f"{path}: contexts[{context.name}]"
            self._contexts.setdefault(context.name, Entry(where, path.parent, context.context))


def _named(entries: dict[str, Entry[V]], name: str, where: str) -> Entry[V]:
    try:
        return entries[name]
    except KeyError:
        raise ConfigError(f"{where}: there is no entry {name!r}") from None


def _read(path: Path) -> _File:
    try:
        return msgspec.convert(yaml.safe_load(path.read_bytes()) or {}, _File)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: cannot read the kubeconfig, it is not there: set KUBECONFIG, or ask your admin for one."
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the kubeconfig: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None
    except yaml.YAMLError as error:
        # The error itself quotes the line, which may be the one with the token.
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise ConfigError(f"{path}: is not YAML{line}") from None
