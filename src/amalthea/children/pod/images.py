"""The mirrors that images are pulled from.

Pure text: nothing is asked of a registry. A text that is no reference passes unchanged; the kubelet says what is wrong.
"""

from amalthea.api.references import parse
from amalthea.children.shared.subject import Subject
from amalthea.settings import RewriteRule


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
