"""Where the operator runs: what only the cluster can tell of itself, and the Python process under it."""

import gc
from dataclasses import replace

import msgspec

from amalthea.api.settings import Settings
from amalthea.kube.client import Client

OPENSHIFT_GROUP = "project.openshift.io"


class _Group(msgspec.Struct):
    name: str = ""


class _Groups(msgspec.Struct):
    groups: list[_Group] = []


async def completed(client: Client, settings: Settings) -> Settings:
    """Add what only the cluster can tell."""
    groups = await client.read("/apis", _Groups)
    openshift = any(group.name == OPENSHIFT_GROUP for group in groups.groups)
    return replace(settings, build=replace(settings.build, openshift=openshift))


def calm_the_garbage_collector() -> None:
    """Look for cyclic garbage rarely, and never through what the first lists brought.

    The caches are large, long-lived and free of cycles: with Python's defaults most of the CPU goes into walking them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
