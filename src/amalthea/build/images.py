"""Image references: their full form, the mirrors that images are pulled from, and how enroot spells them.

Pure text: nothing is asked of a registry. A text that is no reference passes unchanged; the kubelet says what is wrong.
"""

import re
from dataclasses import dataclass

from amalthea.api.settings import RewriteRule
from amalthea.build.subject import Subject

DOCKER_HUB = "docker.io"

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:\[[0-9a-fA-F:]+\]|{_LABEL}(?:\.{_LABEL})*)(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Reference:
    """An image reference with all that Docker leaves out filled in."""

    domain: str
    path: str
    tag: str
    """Empty only if there is a digest."""
    digest: str

    @property
    def version(self) -> str:
        """Tag and digest with their marks, as they follow the name."""
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(image: str) -> Reference | None:
    """Return the full reference: `node` is `docker.io/library/node:latest`. None if the text is none."""
    match = _REFERENCE.fullmatch(image)
    if match is None:
        return None
    domain, path = _named(match["domain"] or "", match["path"])
    tag, digest = match["tag"] or "", match["digest"] or ""
    return Reference(domain, path, tag or ("" if digest else "latest"), digest)


def of_the_session(subject: Subject) -> str:
    """Return the session's image as it is pulled: from a mirror, unless the user has credentials for where it is."""
    image = subject.spec.session.image
    return image if subject.spec.image_pull_secrets else rewrite(image, subject.settings.rewrite_rules)


def rewrite(image: str, rules: tuple[RewriteRule, ...]) -> str:
    """Return the image as the first matching rule wants it pulled; unchanged if none matches.

    A rule matches names *below* its source prefix, which ends where a part of the name ends: `docker.io/renku` is for
    `docker.io/renku/lab`, neither for `docker.io/renku` itself nor for `docker.io/renkulab/lab`.
    """
    reference = parse(image) if rules else None
    if reference is None:
        return image
    name = f"{reference.domain}/{reference.path}"
    for rule in rules:
        source, target = rule.source_prefix.rstrip("/"), rule.target_prefix.rstrip("/")
        if source and target and name.startswith(source + "/"):
            return target + name.removeprefix(source) + reference.version
    return image


def enroot(image: str) -> str:
    """Return the image as enroot spells it: a `#` ends the domain, and Docker Hub goes without saying."""
    reference = parse(image)
    if reference is None:
        return image
    if reference.domain == DOCKER_HUB:
        return _familiar(reference.path) + reference.version
    return f"{reference.domain}#{reference.path}{reference.version}"


def _familiar(path: str) -> str:
    """Return a Docker Hub path as people write it: official images without `library/`."""
    return path.removeprefix("library/") if path.count("/") == 1 else path


def _named(domain: str, path: str) -> tuple[str, str]:
    """Return domain and path in full: what looks like a domain may be the first part of a Docker Hub name."""
    if domain and not (set(".:[") & set(domain) or domain == "localhost" or domain != domain.lower()):
        domain, path = "", f"{domain}/{path}"
    if domain in ("", "index.docker.io"):
        domain = DOCKER_HUB
    return domain, path if domain != DOCKER_HUB or "/" in path else f"library/{path}"
