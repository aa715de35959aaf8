"""The Go operator's children of seven sessions (`tests/data/recorded`), ready to be compared with ours.

`DIFFERENCES` lists every place where ours is meant to be otherwise. Used by tests/unit/build and tests/api.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import Spec
from amalthea.children.secret import Material, material_from
from amalthea.children.shared.subject import Subject
from amalthea.settings import BuildSettings

NAMES = ("minimal", "token", "oauth", "oidc", "job", "remote", "asleep")
FRESH = Material(tunnel_secret="a-fresh-tunnel-secret", cookie_secret="a-fresh-cookie-secret")
"""Stands for newly drawn values. What the recorded secrets hold already must win over it."""

_FOLDER = Path(__file__).parent / "data" / "recorded"
ABSENT = "(absent)"
"""Stands for the value of a field that an object does not have."""

_VOLUME_ANNOTATIONS = ("pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/")
"""Annotations that the volume controllers put on claims begin so."""

ChildKey = tuple[str, str]
Found = tuple[str, object, object]
"""A path, and the two values that stand there."""


@dataclass(frozen=True)
class Difference:
    """A value that we write otherwise on purpose."""

    session: str
    child: ChildKey
    path: str
    ours: object
    theirs: object
    reason: str
    stored: object = None
    """What ours is with the API server's defaults, where they add to it."""


_HEAP = {"name": "GOMEMLIMIT", "value": "32MiB"}
_PATIENCE = {"name": "OAUTH2_PROXY_UPSTREAM_TIMEOUT", "value": "24h"}
_PATIENT = "what a session takes more than half a minute for is no 502"
_HARDENED = "behaviour.md 12, hardening: what faces strangers writes nothing and makes usual system calls only"
_OF_ITS_OWN = "a program with the proxy's UID could listen on its ports beside it (SO_REUSEPORT)"
_SOCKETS = "room for a thousand strangers' connections and their sockets' buffers (docs/design/authproxy.md)"
_MEASURED = "behaviour.md 12: within 16 MiB oauth2-proxy does not get ready on a node that has just started"
_WAITED_FOR = "behaviour.md 3: a session that lacks a key of its secret is starting; theirs crashes, or lets nobody in"
_DOOR: Manifest = {"name": "door", "optional": False}
_PROJECTED = {
    "sources": [{"secret": _DOOR}, {"secret": {**_DOOR, "items": [{"key": "auth", "path": "auth"}]}}],
    "defaultMode": 0o644,
}
_AT_ONCE = "behaviour.md 2, better: a session is ready when it first answers, not half a minute later"


def _asked_at_first(path: str, port: int) -> Manifest:
    """Return the probe of a container of ours that is to answer within a minute."""
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 1, "failureThreshold": 60}


def _as_stored(probe: Manifest) -> Manifest:
    """Return what the API server makes of such a probe."""
    asked = {**probe["httpGet"], "scheme": "HTTP"}
    return {**probe, "httpGet": asked, "timeoutSeconds": 1, "successThreshold": 1}


_CONTROLLER_STARTS = _asked_at_first("/live", 65532)
_HEALTH = "/__amalthea__/health"
_NEEDED = [
    {"name": key, "valueFrom": {"secretKeyRef": {"name": "door", "key": key}}}
    for key in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ISSUER_URL")
]


def _alpha_config(more: str = "") -> str:
    """Return oauth2-proxy's file in the secret of the session `oidc`, with one more line before its last."""
    made = yaml.safe_load_all((_FOLDER / "oidc" / "made.yaml").read_text())
    secret = next(each for each in made if each and each["kind"] == "Secret")
    start, last, rest = b64decode(secret["data"][names.SECRET_KEY_ALPHA_CONFIG]).decode().rpartition("          uri:")
    return b64encode(f"{start}{more}{last}{rest}".encode()).decode()


def _usual_system_calls_only(container: str) -> Difference:
    return Difference(
        session="remote",
        child=("StatefulSet", "remote"),
        path=f".spec.template.spec.containers[{container}].securityContext.seccompProfile",
        ours={"type": "RuntimeDefault"},
        theirs=ABSENT,
        reason="what the operator adds passes the Pod Security Standard restricted",
    )


DIFFERENCES = (
    Difference(
        session="oidc",
        child=("Secret", names.internal_secret("oidc")),
        path=f".data.{names.SECRET_KEY_ALPHA_CONFIG}",
        ours=_alpha_config("          timeout: 24h\n"),
        theirs=_alpha_config(),
        reason=_PATIENT,
    ),
    *(
        Difference(
            session=name,
            child=("Job" if name == "job" else "StatefulSet", name),
            path=".spec.template.spec.securityContext.fsGroupChangePolicy",
            ours="OnRootMismatch",
            theirs=ABSENT,
            reason="the modes of files stay as they are, those of SSH keys too, and large volumes are mounted at once",
        )
        for name in NAMES
    ),
    *(
        Difference(
            session=name,
            child=("Service", name),
            path=".metadata.annotations.traefik.ingress.kubernetes.io/service.nativelb",
            ours="true",
            theirs=ABSENT,
            reason="Traefik leads visitors to a pod that is not ready, and to one that is ready without a delay",
        )
        for name in ("minimal", "token", "oauth", "oidc", "remote", "asleep")
    ),
    *(
        Difference(
            session=name,
            child=("StatefulSet", name),
            path=f".spec.template.spec.containers[{names.CONTAINER_SESSION}].{path}",
            ours=ours,
            theirs=theirs,
            reason=_AT_ONCE,
            stored=1 if path.endswith("successThreshold") else None,
        )
        for name in ("minimal", "token", "oauth", "oidc", "asleep", "remote")
        for path, ours, theirs in (
            ("readinessProbe.failureThreshold", 15, 3),
            ("readinessProbe.initialDelaySeconds", ABSENT, 10),
            ("readinessProbe.periodSeconds", 1, 5),
            ("readinessProbe.successThreshold", ABSENT, 5),
        )
    ),
    *(
        Difference(
            session=name,
            child=("StatefulSet", name),
            path=f".spec.template.spec.containers[{door}].startupProbe",
            ours=_asked_at_first(path, port),
            theirs=ABSENT,
            reason="a session is ready when its door is: that is asked each second at first, not each ten",
            stored=_as_stored(_asked_at_first(path, port)),
        )
        for name, door, path, port in (
            ("token", names.CONTAINER_AUTHPROXY, _HEALTH, 65535),
            ("asleep", names.CONTAINER_AUTHPROXY, _HEALTH, 65535),
            ("remote", names.CONTAINER_AUTHPROXY, _HEALTH, 65535),
            ("oauth", names.CONTAINER_AUTHPROXY, _HEALTH, 65533),
            ("oidc", names.CONTAINER_AUTHPROXY, _HEALTH, 65533),
            ("oauth", names.CONTAINER_OAUTH2_PROXY, "/ping", 65535),
            ("oidc", names.CONTAINER_OAUTH2_PROXY, "/ping", 65535),
        )
    ),
    *(
        Difference(
            session="remote",
            child=("StatefulSet", "remote"),
            path=f".spec.template.spec.containers[{names.CONTAINER_SESSION}].env[{variable}]",
            ours={
                "name": variable,
                "valueFrom": {"secretKeyRef": {"name": "remote---internal", "key": key, "optional": True}},
            },
            theirs=ABSENT,
            reason="the controller limits the job's time, and starts what the spec says; theirs does not read it",
        )
        for variable, key in (
            ("RSC_SESSION_MAX_AGE_SECONDS", names.SECRET_KEY_MAX_AGE),
            ("RSC_SESSION_COMMAND", names.SECRET_KEY_COMMAND),
            ("RSC_SESSION_ARGS", names.SECRET_KEY_ARGS),
            ("RSC_SESSION_WORKING_DIR", names.SECRET_KEY_WORKING_DIR),
        )
    ),
    _usual_system_calls_only(names.CONTAINER_SESSION),
    Difference(
        session="remote",
        child=("StatefulSet", "remote"),
        path=".spec.template.spec.containers[authproxy].env[AUTHPROXY_CONTROLLER]",
        ours={"name": "AUTHPROXY_CONTROLLER", "value": f"http://127.0.0.1:{names.PORT_REMOTE_CONTROLLER}"},
        theirs=ABSENT,
        reason="the door passes on how the job is, where the operator asks; theirs does not read it",
    ),
    *(
        Difference(
            session=name,
            child=("StatefulSet", name),
            path=".spec.template.spec.containers[authproxy].env[AUTHPROXY_COOKIE_PATH]",
            ours={
                "name": "AUTHPROXY_COOKIE_PATH",
                "valueFrom": {
                    "secretKeyRef": {
                        "name": names.internal_secret(name),
                        "key": names.SECRET_KEY_COOKIE_PATH,
                        "optional": True,
                    }
                },
            },
            theirs=ABSENT,
            reason="the path comes through the secret, so that another path of the Ingress restarts nobody",
        )
        for name in ("token", "asleep", "remote")
    ),
    *(
        Difference(
            session=name,
            child=("Secret", names.internal_secret(name)),
            path=path,
            ours=value,
            theirs=ABSENT,
            reason="a key that is entered by hand, for which the Go operator's door does not ask, stays here",
        )
        for name, path, value in (
            ("token", ".data", {names.SECRET_KEY_COOKIE_PATH: "L3Nlc3Npb25zL3Rva2VuLw=="}),
            ("asleep", ".data", {names.SECRET_KEY_COOKIE_PATH: "L3Nlc3Npb25zL2FzbGVlcC8="}),
            ("remote", f".data.{names.SECRET_KEY_COOKIE_PATH}", "L3Nlc3Npb25zL3JlbW90ZS8="),
        )
    ),
    Difference(
        session="remote",
        child=("Secret", names.internal_secret("remote")),
        path=f".data.{names.SECRET_KEY_WORKING_DIR}",
        ours="L2hvbWUvam92eWFuL3dvcms=",
        theirs=ABSENT,
        reason="a job without a container image of its own begins where the spec says",
    ),
    *(
        Difference(
            session=name,
            child=("Service", name),
            path=".spec.publishNotReadyAddresses",
            ours=True,
            theirs=ABSENT,
            reason="while a session starts, its door is reached, and says so; the Go operator's Ingress says 503",
        )
        for name in ("token", "oauth", "oidc", "asleep")
    ),
    *(
        Difference(
            session=name,
            child=("StatefulSet", name),
            path=f".spec.template.spec.containers[oauth2-proxy].{field}",
            ours=ours,
            theirs=theirs,
            reason=reason,
        )
        for name, field, ours, theirs, reason in (
            ("oauth", "env", [_PATIENCE, _HEAP], ABSENT, f"{_MEASURED}; {_PATIENT}"),
            ("oauth", "resources.limits.memory", "64Mi", "16Mi", _MEASURED),
            ("oidc", "env", [*_NEEDED, _HEAP], ABSENT, _WAITED_FOR),
            ("oidc", "resources.limits.memory", "64Mi", "16Mi", _MEASURED),
        )
    ),
    *(
        Difference(
            session=name,
            child=("StatefulSet", name),
            path=f".spec.template.spec.containers[{container}].{field}",
            ours=ours,
            theirs=theirs,
            reason=reason,
        )
        for name, container in (
            ("token", "authproxy"),
            ("oauth", "oauth2-proxy"),
            ("oauth", "authproxy"),
            ("oidc", "oauth2-proxy"),
            ("oidc", "authproxy"),
            ("asleep", "authproxy"),
            ("remote", "authproxy"),
        )
        for field, ours, theirs, reason in (
            *((("resources.limits.memory", "64Mi", "16Mi", _SOCKETS),) if container == "authproxy" else ()),
            ("securityContext.readOnlyRootFilesystem", True, ABSENT, _HARDENED),
            ("securityContext.runAsGroup", 61001, 1000 if container == "authproxy" else ABSENT, _OF_ITS_OWN),
            ("securityContext.runAsUser", 61001, 1000 if container == "authproxy" else ABSENT, _OF_ITS_OWN),
            ("securityContext.seccompProfile", {"type": "RuntimeDefault"}, ABSENT, _HARDENED),
        )
    ),
    Difference(
        session="remote",
        child=("StatefulSet", "remote"),
        path=f".spec.template.spec.containers[{names.CONTAINER_SESSION}].startupProbe",
        ours=_CONTROLLER_STARTS,
        theirs=ABSENT,
        reason="a controller that starts slowly on a busy node is not killed for it; its liveness stays as it was",
        stored=_as_stored(_CONTROLLER_STARTS),
    ),
    Difference(
        session="remote",
        child=("StatefulSet", "remote"),
        path=".spec.template.spec.containers[tunnel].env[TUNNEL_SESSION_PORT]",
        ours={"name": "TUNNEL_SESSION_PORT", "value": "8888"},
        theirs=ABSENT,
        reason="remote.md 10.2: with their tunnel who holds its secret opens any port of the pod",
    ),
    Difference(
        session="remote",
        child=("StatefulSet", "remote"),
        path=".spec.template.spec.containers[tunnel].env[TUNNEL_LOOPBACK_ONLY]",
        ours={"name": "TUNNEL_LOOPBACK_ONLY", "value": "true"},
        theirs=ABSENT,
        reason="remote.md 10.2: with their tunnel everybody in the cluster reaches the session past its door",
    ),
    _usual_system_calls_only(names.CONTAINER_TUNNEL),
    *(
        Difference(
            session="remote",
            child=("StatefulSet", "remote"),
            path=f".spec.template.spec.containers[{names.CONTAINER_TUNNEL}].{path}",
            ours=ours,
            theirs=theirs,
            reason=_AT_ONCE,
            stored=1 if path.endswith("successThreshold") else None,
        )
        for path, ours, theirs in (
            ("readinessProbe.failureThreshold", 15, 3),
            ("readinessProbe.initialDelaySeconds", ABSENT, 5),
            ("readinessProbe.successThreshold", ABSENT, 3),
        )
    ),
    *(
        Difference(
            session="token",
            child=("StatefulSet", "token"),
            path=f".spec.template.spec.initContainers[{container}].{field}",
            ours=value,
            theirs=ABSENT,
            reason="behaviour.md 12, hardening: a clone writes to its volume and to a /tmp of its own, in memory",
        )
        for container in ("git-clone-0", "git-clone-1")
        for field, value in (
            ("securityContext.allowPrivilegeEscalation", False),
            ("securityContext.readOnlyRootFilesystem", True),
            ("securityContext.runAsNonRoot", True),
            ("securityContext.seccompProfile", {"type": "RuntimeDefault"}),
            (
                f"volumeMounts[{names.VOLUME_CLONE_TMP}]",
                {"name": names.VOLUME_CLONE_TMP, "mountPath": "/tmp", "subPath": container},
            ),
        )
    ),
    *(
        Difference(
            session=name,
            child=("StatefulSet", name),
            path=f".spec.template.spec.volumes[{names.VOLUME_PROXY_CONFIG}].{kind}",
            ours=ours,
            theirs=theirs,
            reason=_WAITED_FOR,
        )
        for name in ("token", "oauth", "asleep", "remote")
        for kind, ours, theirs in (
            ("projected", _PROJECTED, ABSENT),
            ("secret", ABSENT, {"secretName": "door", "optional": False, "defaultMode": 0o644}),
        )
    ),
    Difference(
        session="token",
        child=("StatefulSet", "token"),
        path=f".spec.template.spec.volumes[{names.VOLUME_CLONE_TMP}]",
        ours={"name": names.VOLUME_CLONE_TMP, "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        theirs=ABSENT,
        reason="behaviour.md 12, hardening: where the clone containers may write, and nobody else reads",
    ),
    Difference(
        session="oidc",
        child=("StatefulSet", "oidc"),
        path=f".spec.template.spec.volumes[{names.VOLUME_FIXED_PROXY_CONFIG}].secret.secretName",
        ours="oidc---internal",
        theirs="oidc",
        reason="behaviour.md 3, better: the secret is mounted by its real name; the Go operator's does not exist",
    ),
    Difference(
        session="oidc",
        child=("StatefulSet", "oidc"),
        path=f".spec.template.spec.volumes[{names.VOLUME_AUTHORIZED_EMAILS}].secret.items",
        ours=[{"key": "AUTHORIZED_EMAILS", "path": "AUTHORIZED_EMAILS"}],
        theirs=ABSENT,
        reason=_WAITED_FOR,
    ),
)


@dataclass(frozen=True)
class Recorded:
    """A session, and all its children by kind and name."""

    name: str
    given: Manifest
    """The session as the client created it."""
    made: Manifest
    """The session half a minute later."""
    children: dict[ChildKey, Manifest]

    @property
    def uid(self) -> str:
        """The session's UID in the recorded cluster."""
        uid: str = self.made["metadata"]["uid"]
        return uid

    def subject(self, namespace: str = "record", uid: str | None = None) -> Subject:
        """Return what our builders are given, with the settings that the Go operator had."""
        return Subject(
            namespace=namespace,
            name=self.name,
            uid=uid or self.uid,
            spec=msgspec.convert(self.given["spec"], Spec),
            settings=BuildSettings(
                sidecars_image="renku/sidecars:1",
                oauth2_proxy_image=self._oauth2_proxy_image(),
                native_sidecars=False,  # as there: tests/unit/children/pod/test_sidecars.py shows what they change
            ),
            run_id=self.made["status"].get("runID"),
        )

    def material(self) -> Material:
        """Return the random values that the recorded internal secret holds."""
        return material_from(self.children["Secret", names.internal_secret(self.name)].get("data"), FRESH)

    def expected_differences(self, key: ChildKey, *, stored: bool = False) -> list[Found]:
        """Return what is meant to differ in our child of that kind and name, by path, as `differences` finds it.

        `stored`: with what the API server fills in.
        """
        own = [each for each in DIFFERENCES if (each.session, each.child) == (self.name, key)]
        ours = [each.stored if stored and each.stored is not None else each.ours for each in own]
        return by_path((each.path, value, each.theirs) for each, value in zip(own, ours, strict=True))

    def _oauth2_proxy_image(self) -> str:
        workload = self.children.get(("StatefulSet", self.name))
        containers = workload["spec"]["template"]["spec"]["containers"] if workload else []
        return next((entry["image"] for entry in containers if entry["name"] == names.CONTAINER_OAUTH2_PROXY), "unused")


@cache
def load(name: str) -> Recorded:
    """Read one of the recorded sessions."""
    given = yaml.safe_load((_FOLDER / name / "session.yaml").read_text())
    made = [entry for entry in yaml.safe_load_all((_FOLDER / name / "made.yaml").read_text()) if entry]
    session = next(entry for entry in made if entry["kind"] == names.KIND)
    children = {(entry["kind"], entry["metadata"]["name"]): entry for entry in made if entry is not session}
    return Recorded(name, given, session, children)


def comparable(child: Manifest) -> Manifest:
    """Return a child as it is stored, without what the cluster alone puts there: status, times, addresses, volumes."""
    metadata = {name: child["metadata"][name] for name in ("name", "labels", "ownerReferences")}
    annotations = child["metadata"].get("annotations", {})
    metadata["annotations"] = {k: v for k, v in annotations.items() if not k.startswith(_VOLUME_ANNOTATIONS)}
    own = {key: value for key, value in child.items() if key not in ("metadata", "status")}
    return _without_cluster_fields({**own, "metadata": metadata})


def _without_cluster_fields(child: Manifest) -> Manifest:
    spec = dict(child.get("spec", {}))
    match child["kind"]:
        case "Service":
            for name in ("clusterIP", "clusterIPs"):
                spec.pop(name, None)
        case "PersistentVolumeClaim":
            spec.pop("volumeName", None)
            if names.ANNOTATION_RCLONE_SECRET not in child["metadata"]["annotations"]:
                spec.pop("storageClassName", None)  # the cluster's default, put there by the API server
        case "Job":
            spec.pop("selector", None)
            spec["template"] = _without_job_labels(spec["template"])
    return {**child, "spec": spec} if spec else child


def _without_job_labels(template: Manifest) -> Manifest:
    labels = {key: value for key, value in template["metadata"]["labels"].items() if not _is_job_label(key)}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def _is_job_label(key: str) -> bool:
    return key in ("controller-uid", "job-name") or key.startswith("batch.kubernetes.io/")


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[Found]:  # noqa: ANN401  (data)
    """Return path and both values of all that differs. Lists of named things are gone through name by name."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            yield from differences(ours.get(key, ABSENT), theirs.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and _in_order(_labels(ours), _labels(theirs)):
        one, other = dict(zip(_labels(ours), ours, strict=True)), dict(zip(_labels(theirs), theirs, strict=True))
        for label in {**other, **one}:
            yield from differences(one.get(label, ABSENT), other.get(label, ABSENT), f"{path}[{label}]")
    elif ours != theirs:
        yield path, ours, theirs


def by_path(found: Iterable[Found]) -> list[Found]:
    """Return differences in the order of their paths."""
    return sorted(found, key=lambda each: each[0])


def _in_order(ours: list[str], theirs: list[str]) -> bool:
    """Return whether each label stands once in a list, and those that are in both stand in the same order."""
    once = len({*ours}) == len(ours) and len({*theirs}) == len(theirs)
    return once and [label for label in ours if label in theirs] == [label for label in theirs if label in ours]


def _labels(items: list[Any]) -> list[str]:
    return [item.get("name", str(i)) if isinstance(item, dict) else str(i) for i, item in enumerate(items)]
