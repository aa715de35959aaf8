"""What FirecREST's part of the controller is told: the settings that it needs, and what is wrong with them. Pure."""

import math
from dataclasses import dataclass

from amalthea.remote import auth
from amalthea.remote.settings import Options, SettingsError

_AMOUNTS = ("CPU", "MEMORY", "GPUS")
_MAX_AGE = "RSC_SESSION_MAX_AGE_SECONDS"


@dataclass(frozen=True)
class FirecrestSettings:
    """Where the cluster is, and what the job asks for. Amounts are texts; empty where nothing is asked for."""

    url: str
    system: str
    partition: str = ""
    account: str = ""
    cpus: str = ""
    """Whole cores."""
    memory: str = ""
    """MiB."""
    gpus: str = ""
    walltime: int = 0
    """Minutes after which the session is to end; 0: as the partition says."""


def problem(options: Options) -> str:
    """Return what is wrong with the settings, with the remedy; empty if nothing is."""
    if missing := options.missing("firecrest-api-url", "firecrest-system-name"):
        return f"{missing} is not set; name the FirecREST server and the cluster."
    url = options.get("firecrest-api-url")
    if not url.startswith(("https://", "http://")):
        return "RSC_FIRECREST_API_URL is not a URL; write one that begins with https://."
    return auth.problem(options)


def read(options: Options) -> FirecrestSettings:
    """Return the settings.

    Raises:
        SettingsError: one of them cannot be used.
    """
    forward = options.variable("RSC_FIRECREST_FORWARD_RESOURCE_VALUES").lower() == "true"
    cpus, memory, gpus = (options.variable(f"RSC_SESSION_{name}") if forward else "" for name in _AMOUNTS)
    return FirecrestSettings(
        url=options.get("firecrest-api-url").rstrip("/"),
        system=options.get("firecrest-system-name"),
        partition=options.get("firecrest-partition"),
        account=options.variable("USER_ENV_SLURM_ACCOUNT"),
        cpus=cpus,
        memory=memory,
        gpus=gpus,
        walltime=_minutes(options.variable(_MAX_AGE)),
    )


def _minutes(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"{_MAX_AGE} is not a number; write whole seconds.")
    return math.ceil(int(text) / 60)
