"""A pod that is stopped while its controller is still being read must not get a job."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest

import amalthea.remote
from amalthea.remote import start
from tests.unit.remote.site import Running, Site


@pytest.fixture
def handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("handler")
def test_a_signal_that_comes_before_the_program_is_there_is_handed_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def main(arguments: Sequence[str], early: Sequence[int]) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        assert list(arguments) == ["--fake-start"]
        return early[0]

    stub = SimpleNamespace(main=main)
    monkeypatch.setitem(sys.modules, "amalthea.remote.run", stub)
    monkeypatch.setattr(amalthea.remote, "run", stub, raising=False)
    assert start.main(["--fake-start"]) == signal.SIGTERM


async def test_a_controller_that_is_told_so_submits_nothing() -> None:
    site = Site()
    site.stopped.set()
    assert await Running(site, await site.controller()).stop() == ""
    assert site.scheduler.all == []


async def test_and_it_cancels_the_job_of_an_earlier_start() -> None:
    site = Site()
    backend = await site.backend()
    await site.finish(backend.start())
    site.stopped.set()
    assert await Running(site, await site.controller()).stop() == ""
    assert site.scheduler.alive == []
