"""Changes of the user's that restart a pod: not a field too few, and none too many.

Field after field of specs that have them all is changed, taken away, or moved; each default of the CRD is filled in.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from amalthea.api import crd
from amalthea.api.schema import Manifest
from amalthea.api.types import Authentication, CodeRepository, DataSource, Ingress, SessionContainer, Spec
from amalthea.children.pod import pod
from amalthea.children.pod.pod_template_inputs import pod_relevant
from amalthea.testing.builders import SessionBuilder, session
from tests.recorded import differences

_SECRET = {"name": "s", "key": "k", "adopt": True}
_CONTAINERS: list[Manifest] = [{"name": "a", "image": "i", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]

FULL = session().with_spec(
    hibernated=False,
    reconcileStrategy="always",
    location="local",
    sessionType="Interactive",
    session={
        "image": "lab:1",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh"],
        "args": ["-c", "x"],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "workingDir": "/work",
        "port": 8888,
        "urlPath": "/a",
        "stripURLPath": True,
        "runAsUser": 1001,
        "runAsGroup": 100,
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi", "nvidia.com/gpu": 1}},
        "storage": {"className": "fast", "size": "2Gi", "mountPath": "/home"},
        "shmSize": "3Gi",
        "extraVolumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": "w", "mountPath": "/w"}],
        "readinessProbe": {"type": "http"},
        "remoteSecretRef": _SECRET,
    },
    ingress={
        "host": "h.org",
        "pathPrefix": "/a",
        "ingressClassName": "nginx",
        "annotations": {"n": "1"},
        "tlsSecret": _SECRET,
        "useDefaultClusterTLSCert": True,
        "assumeHttps": True,
    },
    authentication={
        "enabled": True,
        "type": "token",
        "secretRef": _SECRET,
        "extraVolumeMounts": [{"name": "v", "mountPath": "/v"}],
    },
    codeRepositories=[
        {
            "type": "git",
            "remote": "https://git.example.org/one",
            "clonePath": "code",
            "revision": "main",
            "cloningConfigSecretRef": _SECRET,
            "configSecretRef": _SECRET,
        },
        {"remote": "https://git.example.org/two"},
    ],
    dataSources=[
        {"type": "rclone", "mountPath": "one", "accessMode": "ReadWriteOnce", "secretRef": _SECRET},
        {"type": "rclone", "mountPath": "two", "accessMode": "ReadOnlyMany", "secretRef": _SECRET},
    ],
    culling={"maxAge": "1h", "cpuIdleThreshold": "200m", "lastInteraction": "2026-11-22T13:00:01Z"},
    extraContainers=_CONTAINERS,
    initContainers=_CONTAINERS,
    extraVolumes=[{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {"medium": "Memory"}}],
    imagePullSecrets=[{"name": "one", "adopt": True}, {"name": "two"}],
    serviceAccountName="lab",
    priorityClassName="low",
    tolerations=[{"key": "a", "operator": "Exists"}, {"key": "b"}],
    affinity={"nodeAffinity": {"x": "y"}},
    nodeSelector={"disk": "ssd"},
    template={"metadata": {"labels": {"l": "1"}, "annotations": {"a": "1"}}},
)

KINDS = {
    "token": FULL,
    "oauth2proxy": FULL.with_spec(authentication={"type": "oauth2proxy"}),
    "oidc": FULL.with_spec(authentication={"type": "oidc"}),
    "open to all": FULL.with_spec(authentication={"enabled": False}),
    "job": FULL.as_job(),
    "remote": FULL.remote(),
}

_OTHER: dict[object, object] = {
    "Always": "Never",
    "IfNotPresent": "Always",
    "Interactive": "NonInteractive",
    "NonInteractive": "Interactive",
    "ReadOnlyMany": "ReadWriteMany",
    "ReadWriteOnce": "ReadOnlyMany",
    "always": "never",
    "http": "none",
    "local": "remote",
    "oauth2proxy": "token",
    "oidc": "token",
    "remote": "local",
    "token": "oidc",
    "1": "2",
    "1Gi": "5Gi",
}


def variants(value: Any) -> Iterator[Any]:  # noqa: ANN401  (data of any shape)
    """Return the value with one change, in each place where it can be changed. Whatever has a name needs it."""
    match value:
        case dict():
            for key, inner in value.items():
                if key != "name":
                    yield {name: other for name, other in value.items() if name != key}
                yield from ({**value, key: changed} for changed in variants(inner))
        case list():
            yield value[::-1]
            for index, inner in enumerate(value):
                yield value[:index] + value[index + 1 :]
                yield from ([*value[:index], changed, *value[index + 1 :]] for changed in variants(inner))
        case bool():
            yield not value
        case int():
            yield value + 1
        case str():
            yield _OTHER.get(value, f"{value}x")


def changed_sessions(builder: SessionBuilder) -> Iterator[SessionBuilder]:
    """Return the session with one change, in each place where the API server lets it be changed."""
    for raw in variants(builder.spec()):
        changed = replace(builder, raw=raw)
        try:
            changed.subject()
        except msgspec.ValidationError:
            continue
        yield changed


def fields(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


@pytest.mark.parametrize("builder", KINDS.values(), ids=KINDS)
def test_exactly_what_reaches_the_pod_template_counts_as_a_reason_to_restart(builder: SessionBuilder) -> None:
    template, relevant = pod.template(builder.subject()), pod_relevant(builder.spec())
    wrong = [
        list(differences(changed.spec(), builder.spec()))
        for changed in changed_sessions(builder)
        if (pod.template(changed.subject()) != template) != (pod_relevant(changed.spec()) != relevant)
    ]
    assert wrong == []


def test_no_field_is_forgotten_here() -> None:
    spec = FULL.spec()
    assert set(spec) == fields(Spec)
    assert set(spec["session"]) == fields(SessionContainer)
    assert set(spec["ingress"]) >= fields(Ingress)
    assert set(spec["authentication"]) == fields(Authentication)
    assert set(spec["codeRepositories"][0]) == fields(CodeRepository)
    assert set(spec["dataSources"][0]) == fields(DataSource)


def test_every_place_is_changed_at_least_once() -> None:
    assert sum(1 for _ in changed_sessions(FULL)) > 150


def test_an_object_of_an_older_release_has_not_changed_by_what_it_lacks() -> None:
    older = FULL.with_spec(location=None, sessionType=None)
    assert pod_relevant(older.spec()) == pod_relevant(FULL.spec())


Path = tuple[str, ...]
ITEMS = "[]"


def defaults(schema: Manifest, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Return the path of each field of a schema that has a default, and that."""
    if "default" in schema:
        yield path, schema["default"]
    for name, inner in schema.get("properties", {}).items():
        yield from defaults(inner, (*path, name))
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from defaults(schema[key], (*path, ITEMS))


def holding(path: Path, fields: Manifest) -> Any:  # noqa: ANN401  (data of any shape)
    """Return data in which the fields stand at a path."""
    if not path:
        return fields
    inner = holding(path[1:], fields)
    return [inner] if path[0] == ITEMS else {path[0]: inner}


SPEC_SCHEMA = crd.manifest()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
CRD_DEFAULTS = {".".join(path): (path, value) for path, value in defaults(SPEC_SCHEMA)}


@pytest.mark.parametrize(("path", "default"), CRD_DEFAULTS.values(), ids=CRD_DEFAULTS)
def test_a_default_that_a_newer_crd_fills_in_is_not_a_change_by_the_user(path: Path, default: object) -> None:
    """If this fails for a new default: add it to the table of `crd_defaults.py`, and leave the others as they are."""
    *above, name = path
    silent = holding((*above,), {})
    filled_in = holding((*above,), {name: default})

    assert pod_relevant(filled_in) == pod_relevant(silent)


def test_a_section_that_a_newer_crd_fills_in_is_not_a_change_by_the_user() -> None:
    older = session().spec()
    newer = session().with_session(readinessProbe={"type": "tcp"}, storage={"size": "1Gi", "mountPath": "/workspace"})

    assert pod_relevant(newer.spec()) == pod_relevant(older)


@pytest.mark.parametrize("field", ["dataSources", "codeRepositories", "imagePullSecrets"])
def test_an_empty_item_that_a_foreign_crd_lets_through_counts_for_nothing(field: str) -> None:
    assert pod_relevant({field: [None]}) == pod_relevant({})
    assert pod_relevant({field: None, "session": None, "authentication": None}) == pod_relevant({})


def test_a_data_source_that_gets_its_secret_is_a_change() -> None:
    without, with_secret = session().with_data_source("a", None), session().with_data_source("a", "s")
    assert pod_relevant(without.spec()) != pod_relevant(with_secret.spec())


def test_the_smallest_spec_has_a_relevant_part() -> None:
    assert pod_relevant(session().spec()) == {"session": {"image": "example.org/lab:1"}}


def test_the_scheduling_fields_are_those_of_the_pod() -> None:
    subject = FULL.subject()
    scheduling = pod.scheduling_fields(subject.spec)
    assert set(scheduling) == {"tolerations", "affinity", "nodeSelector", "priorityClassName"}
    assert pod.template(subject)["spec"].items() >= scheduling.items()
    assert pod.scheduling_fields(session().subject().spec) == {}
