"""Waiting for a condition with a deadline, for tests that meet real sockets."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

_PAUSE = 0.005


async def eventually(condition: Callable[[], object | Awaitable[object]], within: float = 5.0) -> None:
    """Return once ``condition()`` is true; raise AssertionError if it is not ``within`` so many seconds."""
    try:
        async with asyncio.timeout(within):
            while not await _holds(condition):  # noqa: ASYNC110 a condition has no event to wait for
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise AssertionError(f"not true within {within} s: {inspect.getsource(condition).strip()}") from None


async def _holds(condition: Callable[[], object | Awaitable[object]]) -> bool:
    answer = condition()
    return bool(await answer if isinstance(answer, Awaitable) else answer)
