"""Answers git's questions for a password during one network step, over a socket in a folder that is ours alone.

The password stays in the memory of this process, which nobody else can read (`hardening.hide`): no file, variable or
argument holds it. Where no network step is under way, nothing listens.
"""

import contextlib
import itertools
import shlex
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from amalthea.sidecars.cloner.access.credential_rule import Rule
from amalthea.sidecars.cloner.errors import Misconfigured

_LONGEST_QUESTION = 65536
_MOST_ANSWERS = 50
"""In one step. git-lfs asks again and again where a server refuses the password."""
_STOP = "quit=1\n"
"""Tells git to ask nobody else, and to give up (git-credential(1))."""
_SECONDS = 10.0


@contextlib.contextmanager
def serve(rule: Rule, folder: Path) -> Iterator[str]:
    """Yield the command that git runs as its credential helper while the block lasts.

    Raises:
        Misconfigured: the folder's path is too long for a socket.
    """
    place = folder / "credentials"
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            listening.bind(str(place))
        except OSError:
            raise Misconfigured("TMPDIR is too long for a socket; mount an emptyDir at /tmp.") from None
        listening.listen()
        thread = threading.Thread(target=_answer_all, args=(listening, rule), daemon=True)
        thread.start()
        try:
            words = (sys.executable, "-I", "-m", "amalthea.sidecars.cloner.access.credential_helper", str(place))
            yield f"!{shlex.join(words)}"
        finally:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            place.unlink(missing_ok=True)


def _answer_all(listening: socket.socket, rule: Rule) -> None:
    for number in itertools.count():
        try:
            asking, _ = listening.accept()
        except OSError:  # the step has ended
            return
        with asking, contextlib.suppress(OSError, UnicodeDecodeError):
            asking.settimeout(_SECONDS)
            question = _read(asking)
            asking.sendall((rule.answer(question) if number < _MOST_ANSWERS else _STOP).encode())


def _read(asking: socket.socket) -> str:
    question = b""
    while len(question) < _LONGEST_QUESTION and (part := asking.recv(4096)):
        question += part
    return question.decode()
