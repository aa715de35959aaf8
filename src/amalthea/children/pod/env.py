"""Environment variables as a container can have them: each name once.

Clients merge lists and send some names twice. In a container the last one wins, but an earlier one may refer to the
former value, as in `A=1, A=$(A):2`.
"""

import re
from collections.abc import Container, Iterable

from amalthea.api.schema import Manifest
from amalthea.children.shared.limits import Growth

_TOKEN = re.compile(r"\$\$|\$\((?P<name>[^)]*)\)|\$")
"""An escaped dollar, a reference to a variable that is defined before, or a dollar that means itself."""
_DOLLAR = re.compile(r"\$\$?")


def unique(env: list[Manifest], field: str = "spec.session.env") -> list[Manifest]:
    """Return the variables of a field of the spec with every name once, each where its last definition stood.

    So what that definition refers to is still before it. References to a definition that is dropped are replaced by its
    text; only where it has none (`valueFrom`) they stay, and find nothing.

    Raises:
        TooLargeError: the replaced text grows beyond what a session may cost; it could double with each definition.
    """
    last = {variable["name"]: position for position, variable in enumerate(env)}
    if len(last) == len(env):
        return env
    kept, dropped, growth = [], dict[str, str](), Growth(field)
    for position, given in enumerate(env):
        variable = _with_former_values(given, dropped, growth)
        name = variable["name"]
        dropped.pop(name, None)
        if position == last[name]:
            kept.append(variable)
        elif "valueFrom" not in variable:
            value = variable.get("value") or ""
            dropped[name] = _escaped(value)
            growth.add(len(dropped[name]) - len(value))
    return kept


def container(manifest: Manifest) -> Manifest:
    """Return a user's container with every variable once, else as it is."""
    if not manifest.get("env"):
        return manifest
    return {**manifest, "env": unique(manifest["env"], f"env of the container {manifest.get('name', '')!r}")}


def without_references(value: str, known: Container[str] = ()) -> str:
    """Return the text such that the kubelet expands no reference in it, except those to variables in `known`.

    `$(NAME)` reaches the container as it is written, and `$$` still means one dollar: the same as a reference to a
    variable that does not exist. The kubelet expands references over `envFrom`, too.
    """

    def as_text(token: re.Match[str]) -> str:
        name = token["name"]
        return token[0] if name is None or name in known else token[0].replace("$", "$$")

    head, tail = _parted(value)
    return _TOKEN.sub(as_text, head) + tail


def mounts_as_written(mounts: Iterable[Manifest]) -> list[Manifest]:
    """Return users' mounts for a container with secrets in its environment: no `subPathExpr` of them is expanded.

    The kubelet would name a folder of the volume after the secret.
    """
    return [
        {**mount, "subPathExpr": without_references(mount["subPathExpr"])} if mount.get("subPathExpr") else mount
        for mount in mounts
    ]


def _with_former_values(variable: Manifest, former: dict[str, str], growth: Growth) -> Manifest:
    value = variable.get("value")
    if not former or not value or "$(" not in value:
        return variable

    def text(token: re.Match[str]) -> str:
        known = former.get(token["name"])
        if known is None:
            return token[0]
        growth.add(len(known) - len(token[0]))
        return known

    head, tail = _parted(value)
    return {**variable, "value": _TOKEN.sub(text, head) + tail}


def _escaped(value: str) -> str:
    """Return the text such that its stray dollars mean themselves wherever it is put."""
    head, tail = _parted(value)
    return _TOKEN.sub(lambda token: "$$" if token[0] == "$" else token[0], head) + _DOLLAR.sub("$$", tail)


def _parted(value: str) -> tuple[str, str]:
    """Return the part of a text that can hold references, and the rest.

    To look for the end of a reference at each dollar of the rest would take quadratic time.
    """
    end = value.rfind(")") + 1
    return value[:end], value[end:]
