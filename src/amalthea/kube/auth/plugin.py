"""Credentials from an exec plugin: the program that a kubeconfig names (`aws`, `gke-gcloud-auth-plugin` …).

Implements `credentials.Credentials` by the ExecCredential protocol of client.authentication.k8s.io, v1 and v1beta1.
What the program prints on its standard error goes to ours; what it prints on standard output is never shown.
"""

import asyncio
import os
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from amalthea.engine.ports import Clock
from amalthea.kube.auth import tls
from amalthea.kube.auth.credentials import ConfigError

API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_TIME_LIMIT = 60.0
_MARGIN = timedelta(seconds=10)


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    expiration_timestamp: datetime | None = None
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    status: _Status | None = None


_decode = msgspec.json.Decoder(_Answer).decode


@dataclass(frozen=True, slots=True)
class Plugin:
    """The command to run. `where` names the file and entry, for messages."""

    where: str
    api_version: str
    command: str
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    install_hint: str = ""
    cluster: dict[str, Any] | None = None


class PluginCredentials:
    """Runs the plugin when it has no valid answer, once for all requests that wait."""

    def __init__(self, plugin: Plugin, context: ssl.SSLContext | None, clock: Clock) -> None:
        self._plugin = plugin
        self._context = context
        self._clock = clock
        self._running = asyncio.Lock()
        self._answer: _Status | None = None

    async def token(self) -> str | None:
        async with self._running:
            if self._answer is None or self._expired(self._answer):
                self._answer = await self._ask()
            return self._answer.token

    async def renew(self) -> bool:
        refused, self._answer = self._answer, None
        await self.token()
        return self._answer != refused

    def _expired(self, answer: _Status) -> bool:
        return answer.expiration_timestamp is not None and (self._clock.now() >= answer.expiration_timestamp - _MARGIN)

    async def _ask(self) -> _Status:
        try:
            answer = _decode(await self._run())
        except msgspec.MsgspecError as error:
            raise self._error(f"printed no ExecCredential: {error}") from None
        status = answer.status
        if answer.api_version != self._plugin.api_version:
            raise self._error(f"answered with apiVersion {answer.api_version!r}, not {self._plugin.api_version!r}")
        if status is None or not (status.token or status.client_certificate_data):
            raise self._error("answered with neither a token nor a client certificate")
        self._present(status)
        return status

    def _present(self, status: _Status) -> None:
        if self._context is None or not status.client_certificate_data or not status.client_key_data:
            return
        try:
            tls.present(self._context, status.client_certificate_data.encode(), status.client_key_data.encode())
        except ssl.SSLError as error:
            raise self._error(f"answered with an unusable client certificate: {error.reason}") from None

    async def _run(self) -> bytes:
        plugin = self._plugin
        spec: dict[str, Any] = {"interactive": False}
        if plugin.cluster is not None:
            spec["cluster"] = plugin.cluster
        question = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
        request = {"KUBERNETES_EXEC_INFO": msgspec.json.encode(question).decode()}
        try:
            process = await asyncio.create_subprocess_exec(
                plugin.command,
                *plugin.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, **dict(plugin.environment), **request},
            )
        except OSError as error:
            hint = f" ({plugin.install_hint})" if plugin.install_hint else ""
            raise self._error(f"cannot be run: {error.strerror}{hint}") from None
        return await self._output(process)

    async def _output(self, process: asyncio.subprocess.Process) -> bytes:
        try:
            async with asyncio.timeout(_TIME_LIMIT):
                output, _ = await process.communicate()
        except TimeoutError:
            raise self._error(f"did not answer within {_TIME_LIMIT:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise self._error(f"ended with exit code {process.returncode}")
        return output

    def _error(self, what: str) -> ConfigError:
        return ConfigError(f"{self._plugin.where}.command: {self._plugin.command} {what}")
