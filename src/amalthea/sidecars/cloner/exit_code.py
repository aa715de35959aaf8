"""The end of a cloner program: its exit code, its last words for the session's status, and SIGTERM."""

import argparse
import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import NoReturn

from amalthea.sidecars import last_words
from amalthea.sidecars.cloner.errors import CloneFailed, Misconfigured, Stopped
from amalthea.sidecars.cloner.process import hardening
from amalthea.sidecars.cloner.process.git import say


class Flags(argparse.ArgumentParser):
    """A parser whose error message is one line."""

    def error(self, message: str) -> NoReturn:
        """Raise Misconfigured with what is wrong with a flag."""
        raise Misconfigured(f"{self.prog}: {message}; see --help.")


_UNFINISHED = "before the end; the unfinished clone is removed"
_LONGEST = 1500
"""Characters of last words: more would be cut off in the session's status, anywhere."""


def run(program: Callable[[], Iterable[str]], then: Callable[[], None] = lambda: None) -> int:
    """Run `program`; return 0, also when the pod is stopped, 1 if a clone failed, 2 if it was started wrongly.

    What it returns are sentences on what is missing, although all went well: they are the last words then. `then` is
    run after that.
    """
    is_cloned = False
    former = signal.signal(signal.SIGTERM, _stop)
    hardening.hide()
    try:
        if missing := " ".join(program()):
            last_words.leave(missing if len(missing) <= _LONGEST else f"{missing[: _LONGEST - 1]}…")
        is_cloned = True
        then()
    except (CloneFailed, Misconfigured) as error:
        say(str(error))
        last_words.leave(str(error))
        return 2 if isinstance(error, Misconfigured) else 1
    except Stopped:
        why = "while waiting for the session's door; the clone is complete" if is_cloned else _UNFINISHED
        say(f"Stopped {why}.")
    finally:
        signal.signal(signal.SIGTERM, former)
    return 0


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  (the shape of a signal handler)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what is begun is to be cleared away, whatever else comes
    raise Stopped
