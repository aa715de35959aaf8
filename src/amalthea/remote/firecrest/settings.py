"""The settings of FirecREST's part of the controller, and what is wrong with them. Pure."""

import enum
import json
import math
from dataclasses import dataclass
from typing import TypeVar

from amalthea.remote.login import auth
from amalthea.remote.settings import Options, SettingsError, variable_of

_Choice = TypeVar("_Choice", bound=enum.Enum)

FORWARD = "RSC_FIRECREST_FORWARD_RESOURCE_VALUES"
_MAX_AGE = "RSC_SESSION_MAX_AGE_SECONDS"


class Runtime(enum.Enum):
    """The runtime of the session's program."""

    ENVIRONMENT = "environment"
    """enroot, by `srun --environment` (the container engine of CSCS)."""
    PYXIS = "pyxis"
    """enroot, by `srun --container-image`."""
    APPTAINER = "apptainer"
    HOST = "host"
    """No container: the node itself."""


class Program(enum.Enum):
    """The source of the program to run: the image or the spec."""

    IMAGE = "image"
    SPEC = "spec"
    """The session's `command` and `args`."""


@dataclass(frozen=True)
class FirecrestSettings:
    """The cluster's address, and what the job asks for. Amounts are texts; empty where nothing is asked for."""

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
    runtime: Runtime = Runtime.ENVIRONMENT
    program: Program = Program.IMAGE
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    """The folder in which the program starts, in the words of the session's spec."""


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
    runtime = _one_of(Runtime, options, "firecrest-runtime") or Runtime.ENVIRONMENT
    cpus, memory, gpus = options.amounts(FORWARD)
    return FirecrestSettings(
        url=options.get("firecrest-api-url").rstrip("/"),
        system=options.get("firecrest-system-name"),
        partition=options.get("firecrest-partition"),
        account=options.variable("USER_ENV_SLURM_ACCOUNT"),
        cpus=cpus,
        memory=memory,
        gpus=gpus,
        walltime=_minutes(options.variable(_MAX_AGE)),
        runtime=runtime,
        program=_one_of(Program, options, "firecrest-program") or _USUAL.get(runtime, Program.SPEC),
        command=_words(options, "RSC_SESSION_COMMAND"),
        args=_words(options, "RSC_SESSION_ARGS"),
        working_dir=options.variable("RSC_SESSION_WORKING_DIR"),
    )


_USUAL = {Runtime.ENVIRONMENT: Program.IMAGE, Runtime.PYXIS: Program.IMAGE}
"""With enroot the image decides, as with the Go controller."""


def _one_of(kinds: type[_Choice], options: Options, flag: str) -> _Choice | None:
    if not (text := options.get(flag)):
        return None
    try:
        return kinds(text.lower())
    except ValueError:
        known = ", ".join(str(each.value) for each in kinds)
        raise SettingsError(f"{variable_of(flag)} is not a known value; set it to one of {known}.") from None


def _words(options: Options, variable: str) -> tuple[str, ...]:
    if not (text := options.variable(variable)):
        return ()
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise SettingsError(f'{variable} is not a list of strings; write JSON, such as ["jupyter", "lab"].')
    return tuple(words)


def _minutes(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"{_MAX_AGE} is not a number; write whole seconds.")
    return math.ceil(int(text) / 60)
