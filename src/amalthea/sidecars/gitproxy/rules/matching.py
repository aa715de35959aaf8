"""Finds the requests for a configured repository: they get the token of its provider, all others get none."""

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from amalthea.sidecars.ambiguity import is_ambiguous
from amalthea.sidecars.http.origins import Origin, origin

CASELESS = frozenset(("github.com", "gitlab.com", "codeberg.org", "bitbucket.org", "gitea.com"))
"""Hosts whose paths are known to be case-insensitive: another spelling is not another repository."""
_ASKED_FIRST = "/info/refs"


@dataclass(frozen=True)
class Repository:
    """A repository by its URL: the server without `www.`, the path's components, and the provider of its tokens."""

    origin: Origin
    path: tuple[str, ...]
    provider: str
    caseless: bool = False
    """Whether paths on its server are case-insensitive."""


def repository(url: str, provider: str, caseless: frozenset[str] = CASELESS) -> Repository | None:
    """Read a repository's URL; None if it is not an HTTP URL, which the proxy does not handle.

    `caseless` are the hosts whose paths are case-insensitive.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    server = origin(parts.scheme, parts.netloc.rpartition("@")[2])
    path = _components(parts.path.rstrip("/"))
    if server is None or not path or any(map(_is_unusable, path)):
        return None
    home = server.without_www
    name = path[-1][:-4] if _is_caseless_git(path[-1], home, caseless) else path[-1].removesuffix(".git")
    return Repository(home, (*path[:-1], name), provider, home.host in caseless)


def provider(repositories: tuple[Repository, ...], server: Origin, target: str) -> str | None:
    """Return the provider whose token a request gets: that of the repository whose path the target begins with.

    Only whole components of its path count; `.git` at a repository's name is optional. None: it gets no token.
    """
    path = _components(target.partition("?")[0])
    if not target.isascii():
        return None  # no URL holds other characters; servers guess what they mean
    best: Repository | None = None
    for known in repositories:
        if known.origin == server.without_www and _begins(path, known):
            best = known if best is None or len(known.path) > len(best.path) else best
    if best is None or any(map(is_ambiguous, path[len(best.path) :])):
        return None  # a server may take it for another repository than we do
    return best.provider


def renamed(repositories: tuple[Repository, ...], server: Origin, target: str, location: str) -> Repository | None:
    """Return a known repository under its new name, to which its server sends git's first request on; None if not.

    `target` is the requested path, `location` the answer's field of that name. Another server does not count: the token
    is for this one.
    """
    parts, (path, _, _) = _split(location), target.partition("?")
    if parts is None or not (path.endswith(_ASKED_FIRST) and parts.path.endswith(_ASKED_FIRST)):
        return None
    place = origin(parts.scheme, parts.netloc) if parts.netloc else server
    whose, asked = provider(repositories, server, target), _components(path.removesuffix(_ASKED_FIRST))
    if place is None or place.without_www != server.without_www or whose is None:
        return None
    known = (each for each in repositories if each.origin == server.without_www and len(each.path) == len(asked))
    if not any(_begins(asked, each) for each in known):
        return None  # only the repository itself, not what lies below it
    caseless = frozenset(each.origin.host for each in repositories if each.caseless)
    return repository(f"{server.scheme}://{server.authority}{parts.path.removesuffix(_ASKED_FIRST)}", whose, caseless)


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url) if url.isascii() and url.isprintable() else None
    except ValueError:
        return None


def _is_caseless_git(name: str, home: Origin, caseless: frozenset[str]) -> bool:
    return home.host in caseless and name.lower().endswith(".git")


def _is_unusable(component: str) -> bool:
    """Return whether a configured repository cannot be recognised for certain by this component. Blanks are fine."""
    return component != component.strip() or is_ambiguous(component.replace(" ", "_"))


def _begins(path: tuple[str, ...], known: Repository) -> bool:
    start, last = known.path, len(known.path) - 1
    if len(path) <= last:
        return False
    if known.caseless:
        path, start = tuple(map(str.lower, path)), tuple(map(str.lower, start))
    return path[:last] == start[:last] and path[last].removesuffix(".git") == start[last]


def _components(path: str) -> tuple[str, ...]:
    return tuple(unquote(component) for component in path.removeprefix("/").split("/")) if path.strip("/") else ()
