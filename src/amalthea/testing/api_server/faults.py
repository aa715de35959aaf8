"""Faults of an API server, or of a proxy in front of it. Given to ``FakeApi.fail``.

A fault answers a request instead of the server; one that returns None lets the server answer after all.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
from aiohttp import web

Fault: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


def refuse(code: int, reason: str = "", *, retry_after: int | None = None) -> Fault:
    """Answer with an error status, such as 410 ``Expired``, 429 with Retry-After, or 500."""

    async def fault(_: web.Request) -> web.StreamResponse:
        headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
        return web.json_response(describe(code, reason, "a fault"), status=code, headers=headers)

    return fault


def error_in_stream(code: int, reason: str = "") -> Fault:
    """Start a watch normally, and send an ERROR."""

    async def fault(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        event = {"type": "ERROR", "object": describe(code, reason, "a fault in the stream")}
        await response.write(msgspec.json.encode(event) + b"\n")
        return response

    return fault


def close_at_once() -> Fault:
    """Start a watch normally, and end it cleanly."""

    async def fault(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        return response

    return fault


def silence(*, after_headers: bool) -> Fault:
    """Accept the request and never say anything (more): a half-open connection."""

    async def fault(request: web.Request) -> web.StreamResponse:
        if after_headers:
            await web.StreamResponse().prepare(request)
        await asyncio.Event().wait()
        raise AssertionError("the client has gone and this was cancelled")

    return fault


def reset() -> Fault:
    """Break the connection without an answer."""

    async def fault(request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError

    return fault


def no_streamed_lists() -> Fault:
    """Refuse streamed lists, as servers do that do not support them."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "sendInitialEvents" not in request.query:
            return None
        return web.json_response(describe(422, "Invalid", "sendInitialEvents is forbidden for watch"), status=422)

    return fault


def wait_for(gate: asyncio.Event) -> Fault:
    """Answer normally, but not before ``gate`` is set: a slow server."""

    async def fault(_: web.Request) -> None:
        await gate.wait()

    return fault


def describe(code: int, reason: str, message: str) -> dict[str, object]:
    """Return a ``Status``."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }
