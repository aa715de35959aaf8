"""The git configuration for the running session, as a block of the clone's own: rewritten when its secret changes.

The block is last, so it wins over what is above; what the user sets later stays until the secret changes. The file is
the user's alone, for the block may hold credentials.
"""

import hashlib
import os
import re
from pathlib import Path

from amalthea.sidecars.cloner.errors import GitFailed, Misconfigured
from amalthea.sidecars.cloner.process.git import Git

VARIABLE = "CLONER_SESSION_CONFIG"
_BLOCK = re.compile(r"# BEGIN session configuration (\w+)\n.*?# END session configuration\n", re.DOTALL)


def read(path: str, git: Git) -> str:
    """Return the text of the configuration at `path`, empty if `path` is.

    Raises:
        Misconfigured: it is not there, or git cannot read it.
    """
    if not path:
        return ""
    try:
        text = Path(path).read_text(encoding="utf-8")
        git.run("config", "--list", "--file", "-", given=text)
    except (OSError, UnicodeDecodeError, GitFailed):
        raise Misconfigured(
            f"The key {Path(path).name} of a repository's configSecretRef is missing in its secret or is not"
            " a git configuration; correct it."
        ) from None
    return text


def with_block(config: str, block: str) -> str:
    """Return the clone's configuration with `block` in it, in place of a former one; without any if it is empty."""
    mark = hashlib.sha256(block.encode()).hexdigest()[:16]
    former = _BLOCK.search(config)
    if former is not None and block and former[1] == mark:
        return config
    own = _BLOCK.sub("", config)
    if not block:
        return own
    lines = "".join(f"{text.rstrip()}\n" for text in (own, f"# BEGIN session configuration {mark}", block) if text)
    return f"{lines}# END session configuration\n"


def put(clone: Path, block: str) -> None:
    """Bring the configuration of the clone up to date, in one step; where nothing is to change, nothing is written."""
    path = clone / ".git" / "config"
    if not path.is_file():
        return
    config = path.read_text(encoding="utf-8")
    wanted = with_block(config, block)
    if wanted == config:
        return
    fresh = path.with_name("config.session")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(wanted)
    fresh.replace(path)
