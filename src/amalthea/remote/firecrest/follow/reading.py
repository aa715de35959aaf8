"""Reads a file exactly through an interface that counts sometimes bytes, sometimes characters. Pure.

`tail` starts at a byte and goes on to the end, of which FirecREST sends less than 5 MiB. So what is far behind is read
by `view`: it takes the two blocks of `size` bytes from byte `offset // size * size` on, decodes them, with U+FFFD for
each part of a character that was cut, and returns `size` characters from character `offset % size` on. Asked for with
the start of a block, it returns the text from there, whose bytes can be counted.
"""

from dataclasses import dataclass

NEAR = 256 * 1024
"""Bytes to the end within which `tail` is used."""
MOST = 512 * 1024
"""Characters that are taken at once, of a file that has grown by far more since its size was asked for."""
MAX_LINE = 64 * 1024
"""Bytes: what is longer without a newline is printed in pieces."""
_SMALLEST, _LARGEST, _STEP = 256 * 1024, 512 * 1024, 64
_LOST = "\ufffd"


@dataclass(frozen=True)
class Lines:
    """Whole lines, and the bytes that they took from the file."""

    lines: tuple[str, ...]
    size: int
    rest: str
    """The rest, a part of a line."""


def block_for(offset: int) -> int:
    """Return the block size, in bytes, whose block that holds byte `offset` starts as shortly as possible before it."""
    return min(range(_SMALLEST, _LARGEST + 1, _STEP), key=lambda size: (offset % size, -size))


def from_block(text: str, start: int, offset: int) -> str:
    """Return the text from byte `offset` on, of one that begins at byte `start`, perhaps within a character."""
    within = offset - start
    whole = text.lstrip(_LOST) if within else text
    cut = len(text) - len(whole)
    if cut > 3:  # no character has more bytes to be cut off; these were not UTF-8 to begin with
        whole, cut = text[3:], 3
    return whole.encode()[max(0, within - cut) :].decode(errors="replace")


def split(text: str, *, last: bool) -> Lines:
    """Split a text into lines; a part of one only where it is too long, or where nothing comes after it (`last`)."""
    *lines, rest = text.split("\n")
    size = length(text) - length(rest)
    # There may be half a million lines: all but a few are taken as they are.
    pieces = lines if _are_short(lines) else [piece for line in lines for piece in _pieces(line)]
    while length(rest) > MAX_LINE or (last and rest):
        piece = _pieces(rest)[0]
        pieces.append(piece)
        size += length(piece)
        rest = rest[len(piece) :]
    found = [line.removesuffix("\r") for line in pieces] if "\r" in text else pieces
    return Lines(tuple(found), size, rest)


def length(text: str) -> int:
    """Return how many bytes of a file a text stands for; one for what was not UTF-8."""
    return len(text.encode()) - 2 * text.count(_LOST)


def _are_short(lines: list[str]) -> bool:
    return 4 * max(map(len, lines), default=0) <= MAX_LINE


def _pieces(line: str) -> list[str]:
    """Cut a line into pieces of at most MAX_LINE bytes; an empty line is one piece."""
    if _are_short([line]) or len(line.encode()) <= MAX_LINE:
        return [line]
    width = MAX_LINE // 4  # whatever the characters
    return [line[begin : begin + width] for begin in range(0, len(line), width)]
