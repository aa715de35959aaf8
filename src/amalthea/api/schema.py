"""Declares for a field of `types.py` what the CRD must know beyond its Python type. `crd.py` reads it back."""

from typing import Annotated, Any

from msgspec import Meta, Struct

_HISTORIC_NAMES = {
    "api_version": "apiVersion",
    "run_id": "runID",
    "strip_url_path": "stripURLPath",
    "use_default_cluster_tls_cert": "useDefaultClusterTLSCert",
}


def wire_name(python_name: str) -> str:
    """Return the field's name in the API: camel case, but for the few historic spellings."""
    head, *rest = python_name.split("_")
    return _HISTORIC_NAMES.get(python_name) or head + "".join(word.capitalize() for word in rest)


class ApiStruct(Struct, rename=wire_name, kw_only=True, frozen=True, omit_defaults=True):
    """A part of the resource: frozen, spelled as in the API, absent fields left out when written."""


def doc(text: str, **schema: Any) -> Meta:  # noqa: ANN401  (a JSON schema holds values of any type)
    """Describe a field: a sentence for `kubectl explain`, and what its schema says beyond its type."""
    return Meta(description=text, extra_json_schema=schema or None)


def required(text: str) -> Meta:
    """Describe a field that the CRD demands although it has a default."""
    return Meta(description=text, extra={"required": True})


def understood(text: str) -> Meta:
    """Describe a field whose default is only understood: the CRD declares none, so the absent field stays absent."""
    return Meta(description=text, extra={"understood": True})


def embedded(name: str, text: str) -> Meta:
    """Describe a field whose schema is Kubernetes' own: the data file `schemas/<name>.json`."""
    return Meta(description=text, extra={"embedded": name})


def immutable(message: str) -> list[dict[str, str]]:
    """Return the CEL rule by which the API server refuses a change of the field."""
    return [{"message": message, "rule": "self == oldSelf"}]


Manifest = dict[str, Any]
"""A Kubernetes object, or a part of one, as plain data."""

_QUANTITY_PATTERN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)

Quantity = Annotated[
    int | str,
    Meta(extra_json_schema={"pattern": _QUANTITY_PATTERN, "x-kubernetes-int-or-string": True}),
]
"""A Kubernetes quantity such as `1Gi` or `300m`; `quantities.py` reads it."""

Duration = Annotated[str, Meta(extra_json_schema={"format": "duration"})]
"""A duration as Go writes it, such as `2h45m`; `durations.py` reads it."""

Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""An RFC 3339 time."""
