"""The programs beside a session, as tests start them: those of the image `sidecars`, with its HAProxy, git and Python.

`SIDECARS_UNDER_TEST=machine` takes this machine's own instead, for a quick look. The door needs HAProxy 3.0.
"""

import os
import sys

from tests.support import image_root

IN_IMAGE = os.environ.get("SIDECARS_UNDER_TEST", "image") == "image"
_PYTHON = "/opt/amalthea/bin/python"


def command(*words: str, user: str = "") -> list[str]:
    """Return the command that runs a program such as `git`; as `user` (`1000:1000`) in the image only."""
    return image_root.command("sidecars", *words, user=user) if IN_IMAGE else list(words)


def python(*arguments: str, user: str = "") -> list[str]:
    """Return the command that runs Python with the project's package."""
    return command(_PYTHON if IN_IMAGE else sys.executable, *arguments, user=user)


def sidecars(*arguments: str, user: str = "") -> list[str]:
    """Return the command that runs `sidecars` with these words."""
    return python("-m", "amalthea.sidecars.main", *arguments, user=user)
