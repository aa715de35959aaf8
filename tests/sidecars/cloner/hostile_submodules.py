"""Attacks by submodules: their paths, names and addresses, each with its trick or advisory."""

from collections.abc import Iterator, Mapping

from tests.sidecars.cloner.hostile import Attack, World, bare_repository, modules
from tests.sidecars.cloner.objects import Entries, Files, Link, Module, Script, nested

SEPARATORS = ("\n", "\r", "\t", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x01", "\x7f")


def _path(path: str) -> Attack:
    """A submodule at `path`, beside a folder of that name up to its separator that is a repository of its own."""

    def files(world: World) -> Files:
        made: Files = {
            ".gitmodules": modules(path, f"https://{world.host}/inner.git"),
            "evil": bare_repository(world),
        }
        return {**made, **nested(path.strip("/") or "x", Module(world.inner))}

    return files


def _name(name: str) -> Attack:
    """A submodule of this name: git keeps its repository below .git/modules/NAME (CVE-2018-11235)."""
    return lambda world: {
        ".gitmodules": modules("sub", f"https://{world.host}/inner.git", name),
        "sub": Module(world.inner),
        "hooks": {"post-checkout": Script(f"#!/bin/sh\n{world.run}\n")},
    }


def _url(url: str, more: str = "") -> Attack:
    return lambda world: {
        ".gitmodules": modules("sub", url.format(w=world), more=more.format(w=world)),
        "sub": Module(world.inner),
        "payload": Script(f"#!/bin/sh\n{world.run}\n"),
    }


def _own_submodule(world: World) -> Files:
    """Each level names a further one, without end."""
    url = f"https://{world.host}/{world.bare.place.name}"
    first = world.bare.publish({".gitmodules": modules("sub", url), "sub": Module(world.inner)})
    for _ in range(15):
        first = world.bare.publish({".gitmodules": modules("sub", url), "sub": Module(first)})
    return {".gitmodules": modules("sub", url), "sub": Module(first)}


def _many_submodules(world: World) -> Files:
    texts = [modules(f"s{n}", f"https://{world.host}/inner.git", f"n{n}") for n in range(2000)]
    return {".gitmodules": "".join(texts), **{f"s{n}": Module(world.inner) for n in range(2000)}}


def _inside(world: World) -> Files:
    names = ("a", "a/hooks", "a/refs", "a/HEAD/x", "b", "b.files")
    texts = [modules(f"s{number}", f"https://{world.host}/inner.git", name) for number, name in enumerate(names)]
    return {".gitmodules": "".join(texts), **{f"s{number}": Module(world.inner) for number in range(len(names))}}


def _link_and_submodule(world: World) -> Entries:
    text = modules("a", f"https://{world.host}/inner.git") + modules("a/b", f"https://{world.host}/inner.git", "more")
    return [(".gitmodules", text), ("a", Link("..")), ("a", Module(world.inner)), ("a", {"b": Module(world.inner)})]


def _all() -> Iterator[tuple[str, Attack]]:
    for sign in SEPARATORS:
        yield f"path of a submodule with U+{ord(sign):04X}", _path(f"evil{sign}")
    for sign in ("\r", "\t", "\x85", "\u2028"):
        yield f"name of a submodule with U+{ord(sign):04X}", _name(f"evil{sign}")
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
        "without protection": "git://{w.other_host}/inner.git",
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
    yield "git's folder of one inside that of another, CVE-2019-1387", _inside
    yield "a link and a submodule of one name", _link_and_submodule
    yield "its own submodule", _own_submodule
    yield "two thousand submodules", _many_submodules


BY_SUBMODULES: Mapping[str, Attack] = dict(_all())
