"""A runtime for Docker on machines that cannot give a capability: it drops that one, and then is runc.

Docker asks for all capabilities for a privileged container, and the kernel refuses all if it lacks one of them.
"""

import re
from pathlib import Path

NAME = "here"
_CAPABILITY, _BIT = "CAP_SYS_RESOURCE", 24
_SCRIPT = f"""\
#!/bin/sh
for word in "$@"; do
    file=
    case "$before" in
        --bundle) file="$word/config.json" ;;
        --process) file="$word" ;;
    esac
    if [ -n "$file" ]; then
        sed -i -e 's/,"{_CAPABILITY}"//g' -e 's/"{_CAPABILITY}",//g' -e 's/"{_CAPABILITY}"//g' "$file"
    fi
    before="$word"
done
exec runc "$@"
"""


def options(folder: Path) -> list[str]:
    """Return dockerd's options, and write the runtime into `folder` if this machine needs it."""
    if can_give_all(Path("/proc/self/status").read_text()):
        return []
    script = folder / "runc-without-a-capability"
    script.write_text(_SCRIPT)
    script.chmod(0o755)
    return [f"--add-runtime={NAME}={script}", f"--default-runtime={NAME}"]


def can_give_all(status: str) -> bool:
    """Tell from the text of /proc/PID/status whether the process could give a container CAP_SYS_RESOURCE."""
    bounding = re.search(r"^CapBnd:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bounding is None or bool(int(bounding[1], 16) >> _BIT & 1)
