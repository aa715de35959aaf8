"""Hundreds of requests that hang must fit into the operator's memory."""

import asyncio
import ssl
from asyncio import sslproto
from typing import Any

import pytest

from amalthea.operator import process


async def test_a_connection_over_tls_keeps_a_small_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sslproto.SSLProtocol, "max_size", sslproto.SSLProtocol.max_size)
    process.spare_memory_of_connections()
    loop = asyncio.get_running_loop()
    made: Any = sslproto.SSLProtocol(loop, asyncio.Protocol(), ssl.create_default_context(), loop.create_future())
    made._get_app_transport()._closed = True  # it was never opened
    assert len(made._ssl_buffer) == process.TLS_BUFFER
