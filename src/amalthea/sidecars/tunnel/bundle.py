"""The client as one file of Python that needs nothing else: it goes to the other machine with the job.

The modules are put one after the other, without the lines in which they import each other. So both ends share what
they have in common, and an administrator there can read what runs.
"""

import re
from pathlib import Path

MODULES = (
    *("memory", "wire/frames", "wire/halves", "wire/websocket"),
    *("client/claim", "client/dialing", "client/arguments", "client/request", "client/client"),
)
"""In this order; each uses only those before it."""
_OURS = re.compile(r"^from amalthea\.[\w.]+ import (?:\([^)]*\)|.*)\n", re.MULTILINE)
_HEAD = "#!/usr/bin/env python3\n"


def source() -> str:
    """Return the program's text."""
    folder = Path(__file__).parent
    texts = [(folder / f"{name}.py").read_text(encoding="utf-8") for name in MODULES]
    return _HEAD + "\n\n".join(_OURS.sub("", text) for text in texts)
