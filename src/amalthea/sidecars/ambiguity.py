"""Ambiguous paths, which some server reads as other ones: no secret goes there."""

import re
import unicodedata

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=@")
"""The ASCII that means the same to every server: RFC 3986's unreserved and sub-delims, less `;`, and `@`."""
_DOTTED = re.compile(r"[\W_]*\.(?![A-Za-z0-9])")
"""The start of a component that some server may read as `.` or `..`, since it ignores the other characters."""


def is_ambiguous(component: str) -> bool:
    """Return whether some server may read a decoded component as another one, and so go elsewhere in its tree.

    Servers decode twice (`%2e`), cut off parameters (`..;x`), blanks and what follows a NUL, take backslashes for
    slashes, and map bytes that are not UTF-8, or characters that look like ASCII (fullwidth dots), to ASCII. So a
    component holds plain ASCII, letters, marks and digits only.
    """
    return _DOTTED.match(component) is not None or not all(map(_is_plain, component))


def _is_plain(character: str) -> bool:
    if character.isascii():
        return character in _PLAIN
    return unicodedata.category(character)[0] in "LM" or unicodedata.category(character) == "Nd"
