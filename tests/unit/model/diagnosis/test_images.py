"""A user who reads that an image is missing, when the registry is down, corrects what is right."""

import pytest

from amalthea.api.reasons import Failure
from amalthea.model.diagnosis.images import not_pulled
from amalthea.model.views.pods import ContainerStatus, Waiting

PULL = 'failed to pull and unpack image "example.org/lab:1": '
RESOLVE = f'{PULL}failed to resolve reference "example.org/lab:1": '
TOKEN = (
    "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token"
)
ANSWERS = {
    f"{RESOLVE}example.org/lab:1: not found": Failure.IMAGE_NOT_FOUND,
    "Error reading manifest 1 in example.org/lab: manifest unknown": Failure.IMAGE_NOT_FOUND,
    f"{RESOLVE}unexpected status from HEAD request to https://example.org/v2/lab/manifests/1: 404 Not Found": (
        Failure.IMAGE_NOT_FOUND
    ),
    f"{RESOLVE}pull access denied, repository does not exist or may require authorization: server message:"
    " insufficient_scope: authorization failed": Failure.IMAGE_ACCESS_DENIED,
    f"{RESOLVE}{TOKEN}: 403 Forbidden": Failure.IMAGE_ACCESS_DENIED,
    f"{RESOLVE}{TOKEN}: 401 Unauthorized": Failure.IMAGE_ACCESS_DENIED,
    f"{RESOLVE}failed to do request: Head https://example.org/v2/lab: dial tcp 192.0.2.1:443: connect: connection"
    " refused": Failure.REGISTRY_UNAVAILABLE,
    f"{RESOLVE}failed to do request: dial tcp: lookup example.org on 10.0.0.10:53: no such host": (
        Failure.REGISTRY_UNAVAILABLE
    ),
    f"{RESOLVE}failed to do request: net/http: TLS handshake timeout": Failure.REGISTRY_UNAVAILABLE,
    f"{RESOLVE}unexpected status from HEAD request to https://example.org/v2/: 503 Service Unavailable": (
        Failure.REGISTRY_UNAVAILABLE
    ),
    f"{PULL}429 Too Many Requests - toomanyrequests: You have reached your pull rate limit": (
        Failure.REGISTRY_UNAVAILABLE
    ),
    f"{PULL}no match for platform in manifest sha256:44b9: not found": Failure.IMAGE_UNSUITABLE,
    f"{PULL}write /var/lib/containerd/blob: no space left on device": Failure.DISK_FULL,
    "short name mode is enforcing, but image name jupyter/minimal-notebook:latest returns ambiguous list": (
        Failure.IMAGE_INVALID
    ),
    'short-name "lab" did not resolve to an alias and no unqualified-search registries are defined': (
        Failure.IMAGE_INVALID
    ),
    f"{PULL}the layer is upside down": Failure.IMAGE_NOT_PULLED,
}


@pytest.mark.parametrize(("said", "code"), ANSWERS.items(), ids=[f"{number}" for number in range(len(ANSWERS))])
def test_the_answer_of_the_registry_decides_what_is_reported(said: str, code: Failure) -> None:
    container = ContainerStatus(name="amalthea-session", image="example.org/lab:1")

    trouble = not_pulled(container, Waiting(reason="ImagePullBackOff", message=said), already_failed=False)

    assert (trouble.code, trouble.said, trouble.fatal) == (code, said, True)
    assert trouble.message.endswith("Image: example.org/lab:1.")


@pytest.mark.parametrize("name", ["denied", "timeout", "forbidden", "not-found", "lab-401"])
def test_the_name_of_an_image_is_not_taken_for_an_answer(name: str) -> None:
    """Names of images are in every answer; some hold the very words that answers are known by."""
    image = f"example.org/{name}:1"
    container = ContainerStatus(name="amalthea-session", image=image)
    said = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": the moon is full'

    trouble = not_pulled(container, Waiting(reason="ImagePullBackOff", message=said), already_failed=False)

    assert trouble.code is Failure.IMAGE_NOT_PULLED


def test_a_name_without_a_registry_is_not_reported_as_a_damaged_image() -> None:
    """CRI-O says so when it looks whether the image is there: to the kubelet that is an inspection that failed."""
    container = ContainerStatus(name="amalthea-session", image="lab:1")
    said = "rpc error: code = Unknown desc = short name mode is enforcing, but image name lab:1 returns ambiguous list"

    messages = {
        message: not_pulled(container, Waiting(reason="ImageInspectError", message=message), already_failed=False).code
        for message in (said, "blob is corrupt")
    }

    assert messages == {said: Failure.IMAGE_INVALID, "blob is corrupt": Failure.IMAGE_NOT_PULLED}
