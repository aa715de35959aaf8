"""The CRD that the types write is the contract's, field by field, and the types read what it stores."""

import json
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import NODEFAULT, Struct, structs

from amalthea.api import crd, types
from amalthea.api.schema import ApiStruct, Manifest

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
SESSIONS = sorted((DATA / "recorded").glob("*/session.yaml"))
ADDITIONS: frozenset[str] = frozenset()
"""Paths of properties that the contract lacks: optional fields of the status only."""
EMBEDDED = frozenset(
    f"/spec/{name}"
    for name in (
        *("affinity", "authentication/extraVolumeMounts", "extraContainers", "extraVolumes", "initContainers"),
        *("session/env", "session/extraVolumeMounts", "session/resources", "tolerations"),
    )
)
"""Where a schema is Kubernetes' own: below these its own documentation speaks."""


def load(path: Path) -> Manifest:
    loaded: Manifest = yaml.safe_load(path.read_text())
    return loaded


def root_schema(manifest: Manifest) -> Manifest:
    (version,) = manifest["spec"]["versions"]
    schema: Manifest = version["schema"]["openAPIV3Schema"]
    return schema


def properties(schema: Manifest, path: str = "") -> Iterator[tuple[str, Manifest]]:
    """Yield every schema below this one with its path: `/a/b` for properties, `[]` for items, `{}` for values."""
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from properties(each, f"{path}/{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield from properties(schema[key], path + mark)


def said_of_itself(schema: Manifest) -> Manifest:
    """Return all that a schema says but its words and its children; what has no order is sorted."""
    own = {key: value for key, value in schema.items() if key not in {"description", "items", "properties"}}
    own.pop("additionalProperties", None)
    return own | {key: sorted(own[key]) for key in ("enum", "required") if key in own}


def outside_spec(manifest: Manifest) -> Manifest:
    """Return the CRD without its schema: names, columns, subresources and versions are left."""
    rest = deepcopy(manifest)
    for version in rest["spec"]["versions"]:
        del version["schema"]
    return rest


def defaulted(value: object, schema: Manifest) -> object:
    """Return the value as the API server stores it: absent fields filled from the schema's defaults."""
    if isinstance(value, list) and "items" in schema:
        return [defaulted(item, schema["items"]) for item in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    known = schema["properties"]
    filled = {name: each["default"] for name, each in known.items() if "default" in each} | value
    return {name: defaulted(item, known.get(name, {})) for name, item in filled.items()}


CONTRACT = load(DATA / "amaltheasessions.crd.yaml")
OURS = crd.manifest()
CONTRACT_FIELDS = dict(properties(root_schema(CONTRACT)))
OUR_FIELDS = dict(properties(root_schema(OURS)))
DESCRIBED = [
    path
    for path in OUR_FIELDS
    if path.startswith(("/spec", "/status"))
    and not path.endswith(("[]", "{}"))
    and not any(path.startswith((f"{root}/", f"{root}[", f"{root}{{")) for root in EMBEDDED)
]


def test_no_field_of_the_contract_is_missing_and_none_is_added_in_silence() -> None:
    assert CONTRACT_FIELDS.keys() - OUR_FIELDS.keys() == set()
    assert OUR_FIELDS.keys() - CONTRACT_FIELDS.keys() == ADDITIONS
    assert len(CONTRACT_FIELDS) > 900, "the contract's schema was not read as a whole"


def test_our_additions_are_optional_status_that_an_older_crd_may_prune() -> None:
    demanded = {f"{path}/{name}" for path, schema in OUR_FIELDS.items() for name in schema.get("required", [])}
    assert ADDITIONS & demanded == set()
    assert {path for path in ADDITIONS if not path.startswith("/status/")} == set()


def test_every_field_has_the_type_default_bounds_and_rules_of_the_contract() -> None:
    differences = {
        path: (said_of_itself(schema), said_of_itself(OUR_FIELDS[path]))
        for path, schema in CONTRACT_FIELDS.items()
        if said_of_itself(schema) != said_of_itself(OUR_FIELDS[path])
    }
    assert differences == {}


def test_defaults_are_of_the_same_type_as_in_the_contract() -> None:
    """In Python `False == 0 == 0.0`; to a client of the API they are not the same."""
    for path, schema in CONTRACT_FIELDS.items():
        ours = OUR_FIELDS[path]
        for key in schema.keys() & {"default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}:
            assert json.dumps(schema[key]) == json.dumps(ours[key]), f"{key} of {path}"


def test_names_columns_and_subresources_are_the_contracts() -> None:
    assert outside_spec(OURS) == outside_spec(CONTRACT)


@pytest.mark.parametrize("path", DESCRIBED)
def test_kubectl_explain_has_a_sentence_for_each_field(path: str) -> None:
    sentence = OUR_FIELDS[path].get("description", "")
    assert sentence.endswith("."), f"no sentence: {sentence!r}"


def test_the_committed_file_is_what_the_types_write() -> None:
    committed = (ROOT / "config/crd/bases/amalthea.dev_amaltheasessions.yaml").read_text()
    assert committed == crd.to_yaml(), "run `make crd`"


def test_the_module_prints_the_file_with_a_header_and_without_yaml_aliases() -> None:
    command = [sys.executable, "-m", "amalthea.api.crd"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == crd.to_yaml()
    assert printed.startswith("# Generated by `make crd`")
    assert yaml.safe_load(printed) == OURS
    assert not any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(printed))


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.parent.name)
def test_the_types_read_a_session_the_same_before_and_after_the_api_server_defaulted_it(path: Path) -> None:
    spec = load(path)["spec"]
    stored = defaulted(spec, CONTRACT_FIELDS["/spec"])
    assert stored != spec, "nothing was defaulted"
    assert msgspec.convert(spec, types.Spec) == msgspec.convert(stored, types.Spec)


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.parent.name)
def test_the_types_lose_nothing_of_what_the_go_operator_left_behind(path: Path) -> None:
    objects = yaml.safe_load_all((path.parent / "made.yaml").read_text())
    session = next(each for each in objects if each["kind"] == "AmaltheaSession")
    for part, type_ in (("spec", types.Spec), ("status", types.Status)):
        read = msgspec.convert(session[part], type_)
        written = defaulted(msgspec.to_builtins(read), CONTRACT_FIELDS[f"/{part}"])
        assert written == defaulted(session[part], CONTRACT_FIELDS[f"/{part}"])


def test_a_new_sessions_empty_status_reads_as_not_ready() -> None:
    stored = defaulted({}, CONTRACT_FIELDS["/status"])
    assert stored == {"state": "NotReady", "idle": False}
    assert msgspec.convert(stored, types.Status) == types.Status()


def test_a_default_in_code_is_a_default_of_the_crd() -> None:
    """A default that only the code knows would read one thing and let `kubectl get` show another."""
    understood = {(types.ContainerCounts, "ready"), (types.ContainerCounts, "total")}
    for struct, path in struct_paths():
        for field in structs.fields(struct):
            declared = CONTRACT_FIELDS[f"{path}/{field.encode_name}"].get("default")
            in_code = None if field.default is NODEFAULT else msgspec.to_builtins(field.default)
            if (struct, field.name) in understood:
                assert (in_code, declared) == (0, None)
            else:
                assert (in_code, declared) == (declared, declared), f"{path}/{field.encode_name}"


def struct_paths() -> Iterator[tuple[type[Struct], str]]:
    """Yield each Struct of the resource with each path at which it stands."""
    todo: list[tuple[Any, str]] = [
        (msgspec.inspect.type_info(types.Spec), "/spec"),
        (msgspec.inspect.type_info(types.Status), "/status"),
    ]
    while todo:
        info, path = todo.pop()
        match info:
            case msgspec.inspect.Metadata(type=inner):
                todo.append((inner, path))
            case msgspec.inspect.UnionType(types=inner):
                todo.extend((each, path) for each in inner)
            case msgspec.inspect.ListType(item_type=inner):
                todo.append((inner, f"{path}[]"))
            case msgspec.inspect.StructType(cls=cls, fields=fields):
                yield cls, path
                todo.extend((field.type, f"{path}/{field.encode_name}") for field in fields)


def test_every_struct_of_the_api_is_part_of_the_resource() -> None:
    declared = {each for each in vars(types).values() if isinstance(each, type) and issubclass(each, ApiStruct)}
    assert declared - {ApiStruct} == {struct for struct, _ in struct_paths()}


def test_a_type_that_the_writer_does_not_know_is_refused_rather_than_left_open() -> None:
    with pytest.raises(TypeError, match=r"schema\.embedded"):
        crd._schema(msgspec.inspect.type_info(float))
