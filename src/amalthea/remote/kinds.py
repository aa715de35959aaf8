"""The kinds of remote backends, and the choice of one by the settings."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from amalthea.remote.firecrest import kind as firecrest
from amalthea.remote.job.port import RemoteBackend, Surroundings
from amalthea.remote.runai import kind as runai
from amalthea.remote.settings import Options, SettingsError


@dataclass(frozen=True)
class Kind:
    """A kind: `problem` says what its settings lack (empty: nothing), `make` puts its backend together."""

    name: str
    problem: Callable[[Options], str]
    make: Callable[[Options, Surroundings], Awaitable[RemoteBackend]]


KINDS = (
    Kind("firecrest", firecrest.problem, firecrest.make),
    Kind("runai", runai.problem, runai.make),
)
"""In the order in which they are asked whether the settings are for them."""


def choose(options: Options) -> Kind:
    """Return the first kind that lacks nothing.

    Raises:
        SettingsError: there is none. The message is of the kind that RSC_REMOTE_KIND names, else of the first.
    """
    for kind in KINDS:
        if not kind.problem(options):
            return kind
    wanted = options.variable("RSC_REMOTE_KIND").lower()
    named = next((kind for kind in KINDS if kind.name == wanted), KINDS[0])
    raise SettingsError(named.problem(options))
