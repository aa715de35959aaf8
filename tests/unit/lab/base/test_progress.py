"""Nobody who waits wonders whether the lab still works."""

import io
import itertools
import threading

import pytest

from lab.base.progress import Progress, duration


class Watched(io.StringIO):
    """A stream that signals when a certain text has been written."""

    def __init__(self, awaited: str, *, terminal: bool = False) -> None:
        super().__init__()
        self.seen = threading.Event()
        self._awaited = awaited
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._awaited in self.getvalue():
            self.seen.set()
        return written


def test_a_long_step_says_again_and_again_how_far_it_is() -> None:
    clock = itertools.count(0, 60)
    stream = Watched("Building etcd: 25 %, 1 min 0 s\n")
    with Progress(stream, lambda: float(next(clock)), interval=0.01).step("Building etcd") as step:
        step.at(1, 4)
        assert stream.seen.wait(10)
    assert stream.getvalue().startswith("  Building etcd ...\n")
    assert "Building etcd: done in " in stream.getvalue().splitlines()[-1]


def test_on_a_terminal_one_line_is_rewritten_and_only_the_outcome_stays() -> None:
    stream = Watched("downloading, ", terminal=True)
    with Progress(stream, interval=0.01).step("Building etcd") as step:
        step.note("downloading")
        assert stream.seen.wait(10)
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("\r\x1b[K  Building etcd: done in 0 s\n")


def test_steps_of_several_threads_share_the_line_of_a_terminal() -> None:
    stream = Watched("Building etcd: 0 s; Building image base: 25 %, 0 s", terminal=True)
    progress = Progress(stream, interval=0.01)
    with progress.step("Building etcd"), progress.step("Building image base") as image:
        image.at(1, 4)
        assert stream.seen.wait(10)
    assert stream.getvalue().count("\n") == 2


def test_a_step_that_fails_does_not_claim_to_be_done() -> None:
    stream = io.StringIO()
    with pytest.raises(RuntimeError), Progress(stream).step("Building etcd"):
        raise RuntimeError
    assert "failed after 0 s" in stream.getvalue()
    assert "done" not in stream.getvalue()


def test_an_unknown_total_is_no_division_by_zero() -> None:
    stream = io.StringIO()
    with Progress(stream).step("Building etcd") as step:
        step.at(0, 0)
    assert "%" not in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (320, "5 min 20 s"), (3720, "1 h 2 min")],
)
def test_durations_are_said_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
