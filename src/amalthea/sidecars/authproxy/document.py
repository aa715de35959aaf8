"""The proxy's configuration file: YAML, its keys under `authproxy:` or at the top, each with one value.

Only read here, not checked (`settings` does that). Values stay as they were written: a token of digits is not a number.
"""

import difflib
import re
from typing import NamedTuple

import yaml

KEYS = (
    "token",
    "cookie_key",
    "remote",
    "port",
    "meta_port",
    "strip_path_prefix",
    "cookie_path",
    "verbose",
    "stop_within",
    "controller",
)
_TOP = "authproxy"
_TEXT = "tag:yaml.org,2002:str"
_HARMLESS = re.compile(r"[A-Za-z_-]{1,30}")


class SettingsError(ValueError):
    """A configuration that cannot be used. One line: the place, the key and the remedy, and no secret value."""


class Given(NamedTuple):
    """A value as somebody wrote it."""

    text: str
    place: str
    """Its place, to begin a sentence with: `AUTHPROXY_PORT`, or `port in /etc/authproxy/config`."""
    is_text: bool = True
    """False where YAML reads a number, a truth value or nothing at all."""


def parse(content: str, path: str) -> dict[str, Given]:
    """Return the content of the file, by key.

    Raises:
        SettingsError: it is not YAML, has another shape, or a key that is not known or given twice.
    """
    entries = _entries(_compose(content, path), path)
    if [key.value for key, _ in entries] == [_TOP]:
        entries = _entries(entries[0][1], f"{_TOP} in {path}")
    given: dict[str, Given] = {}
    for key, value in entries:
        name = _known(key, path)
        if name in given:
            raise SettingsError(f"{name} in {path} is given twice; remove one of them.")
        if not isinstance(value, yaml.ScalarNode):
            raise SettingsError(f"{name} in {path} is a list or a mapping; write one value.")
        given[name] = Given(value.value, f"{name} in {path}", value.tag == _TEXT)
    return given


def _compose(content: str, path: str) -> yaml.Node | None:
    try:
        return yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        line = ""
    raise SettingsError(f'{path}{line} is not YAML; write lines such as token: "the session\'s key".') from None


def _entries(node: yaml.Node | None, place: str) -> list[tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError(f'{place} has no keys; write lines such as token: "the session\'s key".')
    entries: list[tuple[yaml.Node, yaml.Node]] = node.value
    return entries


def _known(key: yaml.Node, path: str) -> str:
    """Return the key's name: as in the former proxy, its case does not matter."""
    name = key.value if isinstance(key, yaml.ScalarNode) else ""
    if name.lower() in KEYS:
        return str(name.lower())
    shown = name if _HARMLESS.fullmatch(name) else f"The key on line {key.start_mark.line + 1}"
    near = difflib.get_close_matches(name.lower(), KEYS, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"the known keys are {', '.join(KEYS)}."
    raise SettingsError(f"{shown} in {path} is not a known key; {remedy}")
