"""Git settings that no repository can override: they come from the environment, the strongest place (git-config(1)).

git hands them on to the submodules' own processes.
"""

from collections.abc import Iterable

Setting = tuple[str, str]

_PROTOCOLS = ("https", "http", "ssh", "git")
_COMMON: tuple[Setting, ...] = (
    ("advice.detachedHead", "false"),
    # No program runs that a configuration names. A bare repository inside a work tree would bring one of its own.
    ("safe.bareRepository", "explicit"),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.editor", "false"),
    ("core.pager", "cat"),
    ("diff.external", ""),
    ("interactive.diffFilter", ""),
    # No path means `.git` on another file system.
    ("core.protectNTFS", "true"),
    ("core.protectHFS", "true"),
    # Nothing follows by itself into a submodule or another address.
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("transfer.bundleURI", "false"),
    ("protocol.allow", "never"),
    # A volume may show another owner than the user who writes to it.
    ("safe.directory", "*"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    # Every helper that another place names is dropped.
    ("credential.helper", ""),
)
LOCAL = _COMMON
"""For steps that read files of the repository: they reach no server."""
NETWORK: tuple[Setting, ...] = (
    *_COMMON,
    *((f"protocol.{name}.allow", "always") for name in _PROTOCOLS),
    ("credential.useHttpPath", "true"),
    # The passphrase of a key is never the answer to another server's question.
    ("core.askPass", "false"),
    # A server that has gone silent is not waited for.
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("lfs.activityTimeout", "60"),
    ("lfs.dialTimeout", "15"),
)
"""For steps that talk to servers."""


def variables(settings: Iterable[Setting]) -> dict[str, str]:
    """Return the environment variables that give git these settings, in order."""
    numbered = list(enumerate(settings))
    return {
        "GIT_CONFIG_COUNT": str(len(numbered)),
        **{f"GIT_CONFIG_KEY_{index}": name for index, (name, _) in numbered},
        **{f"GIT_CONFIG_VALUE_{index}": value for index, (_, value) in numbered},
    }
