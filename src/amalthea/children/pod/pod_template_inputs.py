"""The part of a spec that reaches the pod template: no other change of it can be a reason to restart a session.

It works on the spec as the API server hands it out, less the defaults that the CRD fills in: so neither our types nor a
newer CRD change what comes out. A test changes field after field of specs that have them all, and sees that exactly
these change a template.
"""

from amalthea.api.schema import Manifest
from amalthea.children.pod.crd_defaults import without_defaults
from amalthea.children.pod.volumes import READ_ONLY
from amalthea.children.shared.snippets import compact

_OF_THE_SPEC = (
    *("template", "initContainers", "extraContainers", "extraVolumes"),
    *("serviceAccountName", "tolerations", "affinity", "nodeSelector", "priorityClassName"),
)
_OF_THE_SESSION = (
    *("image", "env", "port", "urlPath", "readinessProbe", "resources"),
    *("runAsUser", "runAsGroup", "shmSize", "extraVolumeMounts"),
)
_OF_A_LOCAL_SESSION = ("imagePullPolicy", "command", "args", "workingDir")


def pod_relevant(raw_spec: Manifest) -> Manifest:
    """Return the part of a session's raw spec that can change its pod template, as plain data to take a hash of.

    Left out are what only the other children come from (Ingress, size and class of the volume), what only decides when
    to act (hibernated, culling, reconcileStrategy), what this kind of session has no use for, and what says the same as
    the CRD's default.
    """
    said = without_defaults(raw_spec)
    remote = said.get("location") == "remote"
    job = said.get("sessionType") == "NonInteractive"
    return compact(
        {
            **_entries(said, _OF_THE_SPEC),
            "location": "remote" if remote else None,
            "sessionType": "NonInteractive" if job else None,
            "session": _session(said.get("session") or {}, remote=remote),
            "authentication": None if job else _authentication(said),
            "codeRepositories": [_repository(entry) for entry in said.get("codeRepositories") or ()],
            "dataSources": [] if remote else [_data_source(entry) for entry in said.get("dataSources") or ()],
            "imagePullSecrets": [_entries(entry, ("name",)) for entry in said.get("imagePullSecrets") or ()],
        }
    )


def _session(session: Manifest, *, remote: bool) -> Manifest:
    return compact(
        {
            **_entries(session, _OF_THE_SESSION),
            **({} if remote else _entries(session, _OF_A_LOCAL_SESSION)),
            "storage": _entries(session.get("storage"), ("mountPath",)),
            "remoteSecretRef": _entries(session.get("remoteSecretRef"), ("name",)) if remote else None,
        }
    )


def _authentication(said: Manifest) -> Manifest | None:
    authentication = said.get("authentication")
    if not authentication or not authentication.get("enabled", True):
        return None
    of_the_secret = ("name",) if authentication.get("type") == "oidc" else ("name", "key")
    return {
        **_entries(authentication, ("type", "extraVolumeMounts")),
        "secretRef": _entries(authentication.get("secretRef"), of_the_secret),
        "stripURLPath": (said.get("session") or {}).get("stripURLPath", False),
    }


def _repository(repository: Manifest) -> Manifest:
    secrets = {
        name: _entries(repository.get(name), ("name", "key")) for name in ("cloningConfigSecretRef", "configSecretRef")
    }
    return compact({**_entries(repository, ("remote", "clonePath", "revision")), **secrets})


def _data_source(source: Manifest) -> Manifest | None:
    """Return the fields that the mount depends on, without the secret, which is the claim's; None if there is none."""
    if not source.get("secretRef"):
        return None
    return {**_entries(source, ("mountPath",)), "readOnly": source.get("accessMode", READ_ONLY) == READ_ONLY}


def _entries(fields: Manifest | None, wanted: tuple[str, ...]) -> Manifest:
    """Return the wanted fields of those that there are."""
    return {name: fields[name] for name in wanted if name in fields} if fields else {}
