"""Odd values that a schema admits: strategies of hypothesis made from the OpenAPI schema of a CRD.

Strings are mostly words that mean something somewhere (durations, quantities, times, references between variables),
spelled as nobody would. Few of the optional fields are there at a time, so that each gets its turn.
"""

from typing import Any

from hypothesis import strategies as st

from amalthea.api.schema import Manifest

WORDS = (
    *("", " ", "\x00", "demo", "Demo", "a" * 300, "ä\U0001f9ea\u202e", ".."),
    *("../secrets/x", "a/b", "%2e%2e", "//", "://x", "?#"),
    *("2 days", "-1h", "0", "0s", "1e999h", "9" * 400 + "h", "1h30m", "1.5h", "300ms"),
    *("2562047h47m16.854775807s", "\u0661h"),
    *("1Gi", "-1Gi", "1e1.5", "1e400", "1E", "0x10", "1_000", "NaN", "inf", ".", "1" * 400, "9" * 30 + "Ei", "\u0661"),
    *("9999-12-31T23:59:59.9Z", "0000-01-01T00:00:00Z", "2026-11-22t14:00:00z", "2026-11-22T14:00:00+23:59"),
    *("0001-01-01T00:00:00+14:00", "9999-12-30T23:59:59-14:00", "2026-02-30T00:00:00Z", "soon"),
    *("$(A)$(A)", "$(A", "$$(A)", "$", "$(", "${A}", "$(A)" * 200),
    *("example.org/lab:1", "a@sha256:0", ":", "@", "UPPER/x", "x" * 5000, "[::1]:5000/x", "docker.io"),
    *("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "76EZ91ZP0R0000000000000000", "01KE7ZCX000000000000000000"),
    *("always", "ReadOnlyMany", "True", "null", "http://[", "https://u:p@h/x.git", "ssh://", "git@h:x"),
)  # fmt: skip
TIMES = (
    *("2026-11-22T13:59:00Z", "2026-11-22T14:00:00Z", "2026-11-22T14:00:00.999999999Z", "2026-11-22t13:00:00z"),
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z", "2026-11-22T13:00:00+05:30"),
)  # fmt: skip
_NUMBERS = (0, 1, -1, 2**31 - 1, 2**31, 2**63 - 1, -(2**63), 65535)
_SCALARS = st.one_of(st.sampled_from(WORDS), st.sampled_from(_NUMBERS), st.booleans(), st.none(), st.floats())

texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=20))
times = st.sampled_from(TIMES)
anything = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)

_MADE: dict[int, tuple[Manifest, st.SearchStrategy[Any]]] = {}
"""What was made of each schema: to make strategies anew for each example takes longer than all else."""


def of(schema: Manifest) -> st.SearchStrategy[Any]:
    """Return values that the schema admits; patterns, and rules in CEL, are not heeded."""
    if id(schema) not in _MADE:
        _MADE[id(schema)] = schema, _made(schema)
    return _MADE[id(schema)][1]


def _made(schema: Manifest) -> st.SearchStrategy[Any]:  # noqa: PLR0911  (one line per kind of schema)
    if schema.get("x-kubernetes-int-or-string"):
        return st.one_of(texts, st.integers(-(2**31), 2**31 - 1))
    if "anyOf" in schema:
        return st.one_of(*map(of, schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string":
            return st.one_of(times, texts) if schema.get("format") == "date-time" else texts
        case "boolean":
            return st.booleans()
        case "integer" | "number":
            return _numbers(schema)
        case "array":
            return st.lists(of(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
        case "object":
            return _objects(schema)
    return anything


def _numbers(schema: Manifest) -> st.SearchStrategy[int]:
    least, most = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31 - 1)
    return st.integers(least + bool(schema.get("exclusiveMinimum")), most - bool(schema.get("exclusiveMaximum")))


def _objects(schema: Manifest) -> st.SearchStrategy[Manifest]:
    properties: dict[str, Manifest] = schema.get("properties") or {}
    if not properties:
        values = schema.get("additionalProperties")
        return st.dictionaries(texts, of(values) if isinstance(values, dict) else anything, max_size=3)
    needed = set(schema.get("required", ()))

    @st.composite
    def objects(draw: st.DrawFn) -> Manifest:
        optional = sorted(properties.keys() - needed)
        chosen = draw(st.lists(st.sampled_from(optional), max_size=4, unique=True)) if optional else []
        return {name: draw(of(properties[name])) for name in [*sorted(needed), *chosen]}

    return objects()
