"""The adopted secrets of a session: read from its raw spec, so that they are known even if the rest is invalid.

An older or foreign CRD may let a spec through that `api/types.py` refuses. Its secrets must not stay behind for that.
"""

from collections.abc import Iterator, Mapping

_REFERENCES = (
    ("ingress", "tlsSecret"),
    ("authentication", "secretRef"),
    ("session", "remoteSecretRef"),
    ("dataSources", "secretRef"),
    ("codeRepositories", "cloningConfigSecretRef"),
    ("codeRepositories", "configSecretRef"),
    ("imagePullSecrets",),
)
"""The paths at which a spec refers to secrets; lists may be on the way."""


def adopted_secrets(raw_spec: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of the adopted secrets, each once, in the order of the spec; invalid entries are left out."""
    references = (reference for path in _REFERENCES for reference in _at(raw_spec, path))
    names = (each.get("name") for each in references if isinstance(each, Mapping) and each.get("adopt") is True)
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def _at(value: object, path: tuple[str, ...]) -> Iterator[object]:
    """Yield the values at the end of a path, for each item of the lists on it."""
    if isinstance(value, list):
        for item in value:
            yield from _at(item, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping):
        yield from _at(value.get(path[0]), path[1:])
