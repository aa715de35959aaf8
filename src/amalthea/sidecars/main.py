"""The command tree of the sidecars' images: two words name a program, as in `sidecars gitproxy proxy`.

Images and clients rely on these words (contract, 5 and 10). Each program reads its own flags and its environment.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from amalthea import __version__

PROGRAMS: dict[tuple[str, str], str] = {
    ("cloner", "clone"): "amalthea.sidecars.cloner.clone",
    ("cloner", "shellclone"): "amalthea.sidecars.cloner.shellclone",
    ("gitproxy", "proxy"): "amalthea.sidecars.gitproxy.run",
    ("proxy", "serve"): "amalthea.sidecars.authproxy.serve",
    ("remote-session-controller", "run"): "amalthea.remote.start",
    ("rsc", "run"): "amalthea.remote.start",
    ("tunnel", "listen"): "amalthea.sidecars.tunnel.run",
}
"""The module of each program's `main(arguments) -> exit code`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program that the first two words name; return its exit code, 2 if there is none of that name."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words == ["version"]:
        sys.stdout.write(f"sidecars {__version__}\n")
        return 0
    known = [" ".join(program) for program in PROGRAMS]
    if words in (["--help"], ["-h"], ["help"]):
        sys.stdout.write("".join(f"sidecars {program}\n" for program in ["version", *known]))
        return 0
    program = (words[0], words[1]) if len(words) > 1 else ("", "")
    module = PROGRAMS.get(program)
    if module is None:
        sys.stderr.write(
            f"{' '.join(words[:2]) or 'An empty name'} is not one of the programs here: {', '.join(known)}.\n"
        )
        return 2
    code: int = import_module(module).main(words[2:])
    return code


if __name__ == "__main__":
    sys.exit(main())
