"""Prepares the session's folder on the cluster, before its job is submitted. All of it may be repeated."""

import asyncio
import logging
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from amalthea.remote import entry
from amalthea.remote.errors import Refused
from amalthea.remote.firecrest.api.answers import FileSystem
from amalthea.remote.firecrest.api.client import Client
from amalthea.remote.firecrest.prepare import directives, environment, folder, launch, repositories, script
from amalthea.remote.firecrest.prepare.launch import Place
from amalthea.remote.firecrest.settings import FirecrestSettings, Runtime
from amalthea.sidecars.http import trust

_NEAR = ("localhost", "127.0.0.1", "[::1]")
"""Where the tunnel's client shows its secret without TLS."""

log = logging.getLogger("remote.preparing")


@dataclass(frozen=True)
class Laid:
    """The prepared folder: its path, and the command line of the session's program."""

    folder: str = ""
    launch: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preparation:
    """Prepares the folder, from the controller's own environment `env`."""

    client: Client
    settings: FirecrestSettings
    env: Mapping[str, str] = field(repr=False)

    async def lay_out(self) -> Laid:
        """Make the folder with all that the job needs but its script. Raise RemoteError."""
        self._check_way_back()
        file_systems = await self._file_systems()
        path = await self._path(file_systems)
        log.info("determined session path", extra={"sessionPath": path})
        place = self._place(path, file_systems)
        line = launch.command_line(self.settings, self.env.get("REMOTE_SESSION_IMAGE", ""), place)
        secrets = posixpath.join(path, script.SECRETS)
        await self.client.make_folder(secrets)
        await self.client.set_mode(path, "700")  # before anything that is secret
        await self.client.make_folder(posixpath.join(path, script.EMPTY))
        await self.client.upload(secrets, script.SECRET, self.env["RSC_WSTUNNEL_SECRET"].encode())
        found = await self._lay_out_repositories(path)
        values = environment.variables(self.env, [each.repository for each in found])
        if left_out := environment.left_out(self.env):
            log.warning("variables with these names cannot be passed on", extra={"names": left_out})
        await self.client.upload(secrets, script.VARIABLES, environment.env_file(values))
        if self.settings.runtime is Runtime.ENVIRONMENT:
            container = script.container(values.get("REMOTE_SESSION_IMAGE", ""), place.mounts, place.start)
            await self.client.upload(path, script.CONTAINER, container)
        await self.client.upload(path, script.TUNNEL_CLIENT, script.tunnel_client())
        if any(self.env.get(name) for name in trust.VARIABLES):
            authorities = await asyncio.to_thread(trust.mounted, self.env)
            await self.client.upload(path, script.TUNNEL_AUTHORITIES, authorities)
        return Laid(path, tuple(line))

    async def upload_script(self, laid: Laid, *, walltime: bool) -> str:
        """Write the job's script and return its path; with the session's own time limit or not."""
        lines = directives.directives(self.settings, walltime=walltime)
        await self.client.upload(laid.folder, script.SCRIPT, script.render(lines, laid.launch))
        return posixpath.join(laid.folder, script.SCRIPT)

    async def remove_secrets(self, laid: Laid) -> None:
        """Remove the secrets, also those of an earlier start (`laid` is empty then). Raise RemoteError."""
        path = laid.folder or await self._path(await self._file_systems())
        await self.client.remove(posixpath.join(path, script.SECRETS))

    def _check_way_back(self) -> None:
        """Raise Refused where the job could not dial in: better now than after hours in the queue."""
        way = entry.tunnel(self.env)
        if not way:
            raise Refused("RENKU_BASE_URL is not set, so nobody could open the session; set it to its address.")
        if way["WSTUNNEL_SERVICE_SCHEME"] == "http" and way["WSTUNNEL_SERVICE_ADDRESS"] not in _NEAR:
            raise Refused("RENKU_BASE_URL would show the tunnel's secret to everybody on the way; write https://.")
        if not self.env.get("RSC_WSTUNNEL_SECRET"):
            raise Refused("RSC_WSTUNNEL_SECRET is not set, so the job could not open the tunnel; set it.")

    async def _path(self, file_systems: tuple[FileSystem, ...]) -> str:
        user = await self.client.user()
        if not user:
            raise Refused("FirecREST does not report the user's name on the cluster; ask its admins.")
        log.info("got username", extra={"username": user})
        return folder.session_folder(folder.scratch(file_systems), user, self.env)

    def _place(self, path: str, file_systems: tuple[FileSystem, ...]) -> Place:
        work = posixpath.join(path, "work")
        return Place(
            path,
            work,
            start=launch.working_dir(self.settings, self.env, work),
            mounts=script.mounts(path, file_systems),
            variables=sorted({*environment.variables(self.env, []), *script.OWN_VARIABLES}),
        )

    async def _file_systems(self) -> tuple[FileSystem, ...]:
        systems = await self.client.systems()
        system = next((each for each in systems if each.name == self.client.system), None)
        if system is None:
            names = ", ".join(each.name for each in systems) or "none"
            raise Refused(f"system '{self.client.system}' not found; FirecREST has: {names}.")
        return system.file_systems

    async def _lay_out_repositories(self, path: str) -> list[repositories.Found]:
        working = self.env.get("RENKU_WORKING_DIR", "")
        found = await asyncio.to_thread(repositories.find, working) if working else []
        for each in found:
            git = posixpath.join(path, "work", each.repository.name, ".git")
            await self.client.make_folder(git)
            await self.client.upload(git, "config", each.config)
        return found
