"""A job is submitted once, whatever breaks off on the way; two cost twice and fight for one session."""

import pytest

from tests.unit.remote.site import FOLDER, Crash, Fuse, Running, Site

STEPS = 28
"""Of a start: before and after each question, and each write of the journal."""


async def test_a_start_lays_the_folder_out_and_submits_one_job() -> None:
    site = Site()
    backend = await site.backend()
    assert not await backend.recover()
    await site.finish(backend.start())
    [job] = site.scheduler.all
    assert job.folder == FOLDER
    assert job.name.startswith("amalthea-my-session-")
    assert site.volume.state.job_id == job.id
    assert set(site.files.content) == {
        f"{FOLDER}/{name}"
        for name in (
            *("session_script.sh", "environment.toml", "tunnel_client.py"),
            *("secrets/wstunnel_secret", "secrets/environment.sh"),
        )
    }


async def test_nothing_is_written_before_the_folder_is_closed_to_others() -> None:
    site = Site()
    closed_at: dict[str, str] = {}
    write = site.files.write

    def watched(path: str, content: bytes) -> None:
        closed_at[path] = site.files.modes.get(FOLDER, "")
        write(path, content)

    site.files.write = watched  # type: ignore[method-assign]
    backend = await site.backend()
    await site.finish(backend.start())
    assert set(closed_at) == set(site.files.content)
    assert set(closed_at.values()) == {"700"}


async def test_all_steps_of_a_start_are_tried_below() -> None:
    fuse = Fuse()
    site = Site()
    await site.finish((await site.backend(fuse)).start())
    assert fuse.steps == STEPS


@pytest.mark.parametrize("lag", [0.0, 4.0, 55.0])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
async def test_a_crash_at_any_step_of_the_start_leaves_one_job(at: int, lag: float) -> None:
    site = Site()
    site.scheduler.accounting_lag = lag
    first = await site.backend(Fuse(at))
    try:
        assert not await site.finish(first.recover())
        await site.finish(first.start())
    except Crash:
        pass
    second = Running(site, await site.controller())
    await site.clock.advance(180)
    [job] = site.scheduler.all
    assert site.volume.state.job_id == job.id
    assert await second.stop() == ""
    assert site.scheduler.alive == []


@pytest.mark.parametrize("at", range(1, STEPS + 1))
async def test_a_stop_at_any_step_of_the_start_leaves_no_job(at: int) -> None:
    site = Site()
    told: list[float] = []

    def stop() -> None:
        told.append(site.clock.monotonic())
        site.stopped.set()

    controller = await site.controller(Fuse(at, stop))
    assert await site.finish(controller.run(site.stopped)) == ""
    assert site.scheduler.alive == []
    assert site.volume.state.job_id == ""
    assert site.clock.monotonic() - told[0] < 40
