"""Sessions for tests, built step by step: `session("demo").with_token().with_ingress().subject()`.

Each step returns a new builder, so that a test can keep a common base and go on from it in several directions.
"""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import Spec
from amalthea.children.shared.subject import Subject
from amalthea.settings import BuildSettings

UID = "5e551011-0000-4000-8000-000000000001"
RUN_ID = "01JD0000000000000000000000"


def session(name: str = "demo") -> "SessionBuilder":
    """Return the smallest session: an image, and nothing else."""
    return SessionBuilder(name)


@dataclass(frozen=True)
class SessionBuilder:
    """A session to build. Fields are spelled as in the API; a field that is None is removed."""

    name: str
    namespace: str = "team"
    uid: str = UID
    run_id: str | None = RUN_ID
    raw: Manifest = field(default_factory=lambda: {"hibernated": False, "session": {"image": "example.org/lab:1"}})
    settings: BuildSettings = field(default_factory=BuildSettings)
    metadata: Manifest = field(default_factory=dict)

    def with_metadata(self, **fields: Any) -> "SessionBuilder":  # noqa: ANN401  (fields of any type)
        """Merge fields into the metadata, such as annotations."""
        return replace(self, metadata=_merged(self.metadata, fields))

    def paused_by(self, manager: str, at: str) -> "SessionBuilder":
        """Pause it, as that field manager asked at that time."""
        fields: Manifest = {"f:spec": {"f:hibernated": {}}}
        entry = {"manager": manager, "operation": "Update", "time": at, "fieldsType": "FieldsV1", "fieldsV1": fields}
        return self.hibernated().with_metadata(managedFields=[entry])

    def with_spec(self, **fields: Any) -> "SessionBuilder":  # noqa: ANN401  (fields of any type)
        """Merge fields into the spec (RFC 7386): mappings are merged, all else is replaced, None removes."""
        return replace(self, raw=_merged(self.raw, fields))

    def with_session(self, **fields: Any) -> "SessionBuilder":  # noqa: ANN401  (fields of any type)
        """Merge fields into `spec.session`."""
        return self.with_spec(session=fields)

    def with_env(self, *variables: tuple[str, str]) -> "SessionBuilder":
        """Give the session container environment variables, in this order."""
        return self.with_session(env=[{"name": name, "value": value} for name, value in variables])

    def with_token(self, secret: str = "door", key: str = "auth") -> "SessionBuilder":  # noqa: S107  (names)
        """Admit users who know a token."""
        return self.with_spec(authentication={"type": "token", "secretRef": {"name": secret, "key": key}})

    def with_oauth2_proxy(self, secret: str = "door", key: str = "auth") -> "SessionBuilder":  # noqa: S107  (names)
        """Admit users whom a given configuration of oauth2-proxy admits."""
        return self.with_spec(authentication={"type": "oauth2proxy", "secretRef": {"name": secret, "key": key}})

    def with_oidc(self, secret: str = "door") -> "SessionBuilder":  # noqa: S107  (a name)
        """Admit users whom an OpenID provider authenticates."""
        return self.with_spec(authentication={"type": "oidc", "secretRef": {"name": secret}})

    def with_ingress(self, host: str = "lab.example.org", **fields: Any) -> "SessionBuilder":  # noqa: ANN401
        """Serve it under `/sessions/<name>` of a host."""
        prefix = f"/sessions/{self.name}"
        ingress = {"host": host, "pathPrefix": prefix, "ingressClassName": "nginx", **fields}
        return self.with_spec(ingress=ingress).with_session(urlPath=f"{prefix}/lab")

    def with_repository(self, remote: str, **fields: Any) -> "SessionBuilder":  # noqa: ANN401
        """Add a code repository."""
        return self._with_one_more("codeRepositories", {"remote": remote, **fields})

    def with_data_source(self, mount_path: str, secret: str | None, **fields: Any) -> "SessionBuilder":  # noqa: ANN401
        """Add a data source; one with no secret cannot be mounted."""
        reference = {"secretRef": {"name": secret}} if secret is not None else {}
        return self._with_one_more("dataSources", {"mountPath": mount_path, **reference, **fields})

    def with_extra_container(self, container: Manifest) -> "SessionBuilder":
        """Add a container beside the session's."""
        return self._with_one_more("extraContainers", container)

    def with_init_container(self, container: Manifest) -> "SessionBuilder":
        """Add a container that runs before the session's."""
        return self._with_one_more("initContainers", container)

    def with_settings(self, **fields: Any) -> "SessionBuilder":  # noqa: ANN401  (fields of any type)
        """Change the operator's settings, spelled as in `BuildSettings`."""
        return replace(self, settings=replace(self.settings, **fields))

    def as_job(self) -> "SessionBuilder":
        """Make it a batch job."""
        return self.with_spec(sessionType="NonInteractive")

    def remote(self) -> "SessionBuilder":
        """Let it run on another machine."""
        return self.with_spec(location="remote")

    def hibernated(self) -> "SessionBuilder":
        """Pause it: it has no run then."""
        return replace(self.with_spec(hibernated=True), run_id=None)

    def spec(self) -> Manifest:
        """Return the raw spec."""
        return deepcopy(self.raw)

    def manifest(self) -> Manifest:
        """Return the object as a client creates it."""
        metadata = {"name": self.name, "namespace": self.namespace, **self.metadata}
        return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": self.spec()}

    def subject(self) -> Subject:
        """Return the input of the builders of children. Raises msgspec.ValidationError as the API server would."""
        return Subject(
            namespace=self.namespace,
            name=self.name,
            uid=self.uid,
            spec=msgspec.convert(self.spec(), Spec),
            settings=self.settings,
            run_id=self.run_id,
        )

    def _with_one_more(self, name: str, entry: Manifest) -> "SessionBuilder":
        return self.with_spec(**{name: [*self.raw.get(name, ()), entry]})


def _merged(target: Manifest, patch: Manifest) -> Manifest:
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            former = merged.get(name)
            merged[name] = _merged(former if isinstance(former, dict) else {}, value)
        else:
            merged[name] = value
    return merged
