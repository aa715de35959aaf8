"""Spellings of an image for container engines; a digest drops the tag, which some refuse beside it. Pure."""

from amalthea.api.references import DOCKER_HUB, parse


def enroot(image: str) -> str:
    """Return the image as enroot spells it; a text that is not a reference passes unchanged.

    `#` ends the domain, and Docker Hub is the default.
    """
    reference = parse(image)
    if reference is None:
        return image
    version = f"@{reference.digest}" if reference.digest else f":{reference.tag}"
    if reference.domain != DOCKER_HUB:
        return f"{reference.domain}#{reference.path}{version}"
    path = reference.path
    official = path.startswith("library/") and path.count("/") == 1
    return (path.removeprefix("library/") if official else path) + version


def docker(image: str) -> str:
    """Return the image as Apptainer wants it after `docker://`; a text that is not a reference passes unchanged."""
    reference = parse(image)
    if reference is None:
        return image
    version = f"@{reference.digest}" if reference.digest else f":{reference.tag}"
    return f"{reference.domain}/{reference.path}{version}"
