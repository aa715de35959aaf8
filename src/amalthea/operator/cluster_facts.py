"""Facts about the cluster that the manifests depend on, asked of the API server once at the operator's start."""

import logging
import re
from dataclasses import replace

import msgspec

from amalthea.kube.client import Client
from amalthea.settings import Settings

OPENSHIFT_GROUP = "project.openshift.io"
NATIVE_SIDECARS_SINCE = (1, 29)
"""The first release of Kubernetes in which native sidecars are on by default (KEP-753)."""

_log = logging.getLogger("amalthea.operator")


class Version(msgspec.Struct, frozen=True):
    """GET /version, as far as it is read."""

    major: str = ""
    minor: str = ""
    """Some providers add a plus sign: `29+`."""


class _Group(msgspec.Struct):
    name: str = ""


class _Groups(msgspec.Struct):
    groups: list[_Group] = []


async def complete(client: Client, settings: Settings) -> Settings:
    """Return the settings, completed by facts that only the cluster knows.

    Raises:
        ApiError: the API server does not answer.
    """
    groups = await client.read("/apis", _Groups)
    openshift = any(group.name == OPENSHIFT_GROUP for group in groups.groups)
    native = settings.native_sidecars
    if native is None:
        native = has_native_sidecars(await client.read("/version", Version))
    _log.info("the form of the sessions' doors is known", extra={"native_sidecars": native})
    return replace(settings, build=replace(settings.build, openshift=openshift, native_sidecars=native))


def has_native_sidecars(version: Version) -> bool:
    """Return whether a cluster has native sidecars. A version that cannot be read counts as an old one."""
    major, minor = (re.match(r"\d+", text) for text in (version.major, version.minor))
    return major is not None and minor is not None and (int(major[0]), int(minor[0])) >= NATIVE_SIDECARS_SINCE
