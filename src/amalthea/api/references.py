"""Image references in their full form, with all that Docker leaves out filled in. Pure text: no registry is asked."""

import re
from dataclasses import dataclass

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
    """Return the full reference: `node` is `docker.io/library/node:latest`. None if the text is not a reference."""
    match = _REFERENCE.fullmatch(image)
    if match is None:
        return None
    domain, path = _named(match["domain"] or "", match["path"])
    tag, digest = match["tag"] or "", match["digest"] or ""
    return Reference(domain, path, tag or ("" if digest else "latest"), digest)


def _named(domain: str, path: str) -> tuple[str, str]:
    """Return domain and path in full: what looks like a domain may be the first part of a Docker Hub name."""
    if domain and not (set(".:[") & set(domain) or domain == "localhost" or domain != domain.lower()):
        domain, path = "", f"{domain}/{path}"
    if domain in ("", "index.docker.io"):
        domain = DOCKER_HUB
    return domain, path if domain != DOCKER_HUB or "/" in path else f"library/{path}"
