"""Reads lists of what others' interfaces tell. Pure.

A field of another type than it should have counts as one that is not there: it says nothing of the others.
"""

import contextlib
import math
from collections.abc import Sequence
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from amalthea.remote.requests import exchange

_S = TypeVar("_S", bound=msgspec.Struct)


def each(items: Sequence[msgspec.Raw], kind: type[_S], api: str) -> list[_S]:
    """Return the items of a list that the API of that name sent. Each is decoded by itself, which takes less memory.

    Raises:
        Unavailable: one of them is none, and may be the one that is looked for.
    """
    found = []
    for item in items:
        try:
            one = _lenient(msgspec.json.decode(item), kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            one = None
        if one is None:
            raise exchange.unreadable(api)
        found.append(one)
    return found


def _lenient(value: object, kind: type[_S]) -> _S | None:
    """Return a struct with those fields that can be read; None if one is missing that it needs."""
    if not isinstance(value, dict):
        return None
    found = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in value:
            with contextlib.suppress(msgspec.ValidationError):
                found[field.name] = _value(value[field.encode_name], field.type)
    try:
        return kind(**found)
    except TypeError:
        return None


def _value(value: object, kind: Any) -> object:  # noqa: ANN401  (a type, as an annotation names it)
    """Return a field's value; raise ValidationError if it has another type."""
    if get_origin(kind) is tuple:
        items = value if isinstance(value, list) else []
        return tuple(one for item in items if (one := _lenient(item, get_args(kind)[0])) is not None)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _lenient(value, kind) or kind()
    converted: object = msgspec.convert(value, kind, strict=False)
    if isinstance(converted, float) and not math.isfinite(converted):
        raise msgspec.ValidationError
    return converted
