"""Builds programs from Go modules, pinned by the go.mod and go.sum files below `gomod/`.

Where modules come from is the machine's own setting (`GOPROXY`, `GOFLAGS`); nothing here names a host.
`lab.programs.binaries` says which programs there are.
"""

import json
import os
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.base.progress import Step

MODULES = Path(__file__).parent / "gomod"
SHOWN_LINES = 20

# No debugger's data: the linker would leave it out, and to write it takes a tenth of the time.
FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false")
LINKER_FLAGS = ("-s", "-w")
# GOGC: the compiler collects its own garbage less often, which saves an eighth.
ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOGC": "400"}


class BuildError(Exception):
    """A program that could not be built; the text says which and ends with what the compiler said."""


@dataclass(frozen=True)
class GoModule:
    """A Go module and the programs to build from it."""

    name: str
    version: str
    programs: Mapping[str, str]
    """The package of each program, by the program's name."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Values for Go variables, such as the one that `--version` prints."""
    built_with: str = ""
    """The module whose go.mod names the versions of this one's libraries, too: what both need is compiled once."""

    @property
    def folder(self) -> Path:
        """Return the folder below `gomod/` with its go.mod."""
        return MODULES / (self.built_with or self.name)

    @property
    def recipe(self) -> tuple[Path | str, ...]:
        """Return everything but the compiler that decides what the programs will be."""
        return (
            self.folder / "go.mod",
            self.folder / "go.sum",
            *self.folder.glob("main.go"),
            repr((self.programs, self.variables, FLAGS, LINKER_FLAGS)),
        )


def build(module: GoModule, goroot: Path, target: Path, step: Step) -> None:
    """Build all programs of `module` with the Go at `goroot` into the folder `target`; raise BuildError."""
    go = str(goroot / "bin" / "go")
    environment = {**os.environ, **ENVIRONMENT, "GOROOT": str(goroot)}
    step.note("downloading the sources")
    packages = len(_run([go, "list", "-deps", *module.programs.values()], module, environment).splitlines())
    step.note("compiling")
    link = " ".join([*LINKER_FLAGS, *(f"-X {name}={value}" for name, value in module.variables.items())])
    output = target / next(iter(module.programs)) if len(module.programs) == 1 else target
    argv = [go, "build", "-v", *FLAGS, "-ldflags", link, "-o", str(output), *module.programs.values()]
    _compile(argv, module, environment, packages, step)
    missing = [program for program in module.programs if not (target / program).is_file()]
    if missing:
        raise BuildError(f"{module.name} was built, but without {', '.join(missing)}")


def sources(module: GoModule, goroot: Path) -> Path:
    """Return the folder with the sources of a module whose program is its root; download them if need be.

    Raise BuildError.
    """
    (path,) = module.programs.values()
    environment = {**os.environ, **ENVIRONMENT, "GOROOT": str(goroot)}
    found: dict[str, str] = json.loads(
        _run([str(goroot / "bin" / "go"), "mod", "download", "-json", path], module, environment)
    )
    return Path(found["Dir"])


def _run(argv: Sequence[str], module: GoModule, environment: Mapping[str, str]) -> str:
    done = subprocess.run(argv, cwd=module.folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"Building {module.name} failed:\n{_last_lines(done.stderr.splitlines())}")
    return done.stdout


def _compile(argv: Sequence[str], module: GoModule, environment: Mapping[str, str], packages: int, step: Step) -> None:
    """Run `go build -v`, which names each package when it has compiled it: that is the percentage."""
    tail: deque[str] = deque(maxlen=SHOWN_LINES)
    with subprocess.Popen(
        argv, cwd=module.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for compiled, line in enumerate(process.stderr, start=1):
            tail.append(line.rstrip())
            step.at(min(compiled, packages), packages)
    if process.returncode:
        raise BuildError(f"Building {module.name} failed:\n{_last_lines(tail)}")


def _last_lines(lines: Sequence[str]) -> str:
    return "\n".join(list(lines)[-SHOWN_LINES:])
