"""HAProxy, the door as a process of its own, and the session behind it."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import yaml

from tests.sidecars.authproxy.door import KEY, Door
from tests.sidecars.authproxy.limited import Limited
from tests.sidecars.authproxy.session import Session
from tests.support import sidecars
from tests.support.processes import free_port

Open = Callable[..., Awaitable[Door]]


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    made = Session()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def open_door(tmp_path: Path, session: Session) -> AsyncIterator[Open]:
    """Start the door before the session, with other settings in its file where they are given."""
    started: list[Door] = []

    async def begin(
        *flags: str,
        env: dict[str, str] | None = None,
        group: Limited | None = None,
        user: str = "",
        with_file: bool = True,
        **changed: object,
    ) -> Door:
        port, meta_port = free_port(), free_port()
        config = tmp_path / f"{port}.yaml"
        config.write_text(yaml.safe_dump({"authproxy": {"token": KEY, **changed}}))
        log_file = tmp_path / f"{port}.log"
        file = ("--config", str(config)) if with_file else ()
        command = sidecars.sidecars("proxy", "serve", *file, *flags, user=user)
        settings = {
            "AUTHPROXY_PORT": str(port),
            "AUTHPROXY_META_PORT": str(meta_port),
            "AUTHPROXY_REMOTE": f"http://127.0.0.1:{session.port}",
            **(env or {}),
        }
        with log_file.open("wb") as log:
            process = subprocess.Popen(  # noqa: ASYNC220  (it is started, not waited for)
                group.within(*command) if group else command, env=settings, stdout=log, stderr=log
            )
        door = Door(process, port, meta_port, log_file)
        started.append(door)
        await _ready(door)
        return door

    yield begin
    for door in started:
        door.hang_up()
        door.process.send_signal(signal.SIGINT)  # at once, where SIGTERM waits for open requests
        door.process.wait(10)


@pytest.fixture
async def door(open_door: Open) -> Door:
    return await open_door()


async def _ready(door: Door) -> None:
    """Wait until the door answers; the ports are open a moment before."""
    async with asyncio.timeout(20):
        while door.process.poll() is None:
            try:
                if (await door.ask("/__amalthea__/health")).status == 200:
                    return
            except OSError:
                await asyncio.sleep(0.02)
    raise AssertionError(f"the door did not open: {door.log}")
