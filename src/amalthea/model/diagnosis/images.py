"""Images that cannot be pulled: what the registry's answer means. The words are those of containerd and CRI-O."""

import re

from amalthea.api.reasons import Failure
from amalthea.model.diagnosis import rules
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.diagnosis.rules import Cause, Rule
from amalthea.model.views.pods import ContainerStatus, Waiting

REASONS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
"""The reasons why a container waits that mean: its image is not there."""

_BY_REASON = {
    "InvalidImageName": (Failure.IMAGE_INVALID, "the name of its image is not valid; correct it"),
    "ErrImageNeverPull": (
        Failure.IMAGE_NOT_PULLED,
        "its image is not on the node, and the pull policy forbids pulling it",
    ),
    "ImageInspectError": (Failure.IMAGE_NOT_PULLED, "its image is damaged on the node; ask an administrator"),
    "SignatureValidationFailed": (
        Failure.IMAGE_ACCESS_DENIED,
        "its image lacks the signature that the cluster requires; use another image",
    ),
}
_SHORT = (Failure.IMAGE_INVALID, "its image is named without a registry; write one in front, such as docker.io/")
_NO_ANSWER = (Failure.REGISTRY_UNAVAILABLE, "the registry of its image does not answer; check its name, or try later")
_BY_MESSAGE = (
    Rule(r"short name mode is enforcing|short-name .*did not resolve", _SHORT),
    Rule(
        r"no space left on device",
        (Failure.DISK_FULL, "its image does not fit onto the node's disk; ask an administrator"),
    ),
    Rule(
        r"no match for platform|no child with platform|exec format",
        (Failure.IMAGE_UNSUITABLE, "its image was built for another CPU architecture; use one for the cluster's nodes"),
    ),
    Rule(
        r"denied|unauthorized|forbidden|authorization|authentication|credentials|\b40[13]\b",
        (
            Failure.IMAGE_ACCESS_DENIED,
            "the registry refuses its image; check its name and, if it is private, the session's credentials",
        ),
    ),
    Rule(
        r"toomanyrequests|\b429\b",
        (Failure.REGISTRY_UNAVAILABLE, "the registry of its image limits how often it is asked; try again later"),
    ),
    Rule(r"dial tcp|no such host|refused|timeout|deadline|x509|\bEOF\b|reset by|http:|\b50[0-9]\b", _NO_ANSWER),
    Rule(
        r"not found|manifest unknown|name unknown|does not exist|\b404\b",
        (Failure.IMAGE_NOT_FOUND, "the registry has no such image; check its name and tag"),
    ),
)
_ANY = (
    Failure.IMAGE_NOT_PULLED,
    "its image cannot be pulled; check the image's name and tag, and your access to the registry",
)
_NAMES = re.compile(r'"[^"]*"|\S*/\S*')
"""Names of images and addresses of registries: they may hold any word that answers are known by."""
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*"(: )?(ErrImagePull: )?')
"""The kubelet's prefix to the message of the last attempt."""


def not_pulled(container: ContainerStatus, waiting: Waiting, *, already_failed: bool) -> Diagnosis:
    """Return the trouble of a container that waits for its image; a first failed attempt is a warning.

    `already_failed` keeps it a failure while the kubelet alternates between an attempt and the wait for the next.
    """
    said = _BACK_OFF.sub("", waiting.message)
    code, cause = _cause(waiting.reason, said)
    first = waiting.reason in ("ErrImagePull", "RegistryUnavailable") and not already_failed
    if first:
        cause = "its image could not be pulled yet; Kubernetes tries again"
    message = f"The container {container.name} does not start: {cause}. Image: {container.image}."
    return Diagnosis(code, message, said, fatal=not first)


def _cause(reason: str, said: str) -> Cause:
    if reason == "RegistryUnavailable":
        return _NO_ANSWER
    answer = _NAMES.sub("", said)
    known = rules.first(_BY_MESSAGE, answer, _ANY)
    return known if known is _SHORT else _BY_REASON.get(reason, known)
