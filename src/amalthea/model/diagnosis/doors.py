"""A session's door that does not start: for its configuration, with the secret that it comes from, or a taken port."""

import re
from collections.abc import Iterator

from amalthea.api import names
from amalthea.api.reasons import Failure
from amalthea.api.types import Authentication
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.views.pods import ContainerStatus, PodView, Terminated

UNUSABLE = 2
"""Exit code of authproxy where it cannot use its configuration: its last words name what is wrong, never a value."""
PORT_TAKEN = 3
"""Exit code of authproxy where another program of the pod listens on one of its ports: its last words name the port."""
_REMEDY = {
    names.CONTAINER_AUTHPROXY: "Correct it there; authproxy restarts automatically.",
    names.CONTAINER_OAUTH2_PROXY: (
        "Correct it there, or wait if the provider of the login does not answer: the log of oauth2-proxy says which."
        " It restarts automatically."
    ),
}
"""oauth2-proxy ends with the same exit code if its configuration is wrong and if its provider is down."""
_TAKEN = (
    "Nobody can open the session: a program in it listens on a port of authproxy, which checks who may enter. Let it"
    f" listen on a port other than {names.PORT_SECOND_PROXY}, {names.PORT_META} and {names.PORT_ENTRY}, then pause and"
    " resume the session. A program that does so on purpose tries to steal the keys of those who open the session."
)
_VOLUMES = (names.VOLUME_PROXY_CONFIG, names.VOLUME_AUTHORIZED_EMAILS)
_LACKS_KEY = re.compile(r"references non-existent secret key: (?P<key>\S+)")
_OF_ITS_OWN = {"OOMKilled", "StartError", "ContainerCannotRun", "ContainerStatusUnknown"}
"""Reasons that say more than that a program ended: they have sentences of their own."""


def troubles(pod: PodView, door: Authentication | None) -> Iterator[Diagnosis]:
    """Return what is wrong with the configuration of the programs that check who may open the session."""
    if door is None:
        return
    for container in pod.lasting:
        how = _ended(container)
        if how is not None and container.name == names.CONTAINER_AUTHPROXY and how.exit_code == PORT_TAKEN:
            yield Diagnosis(Failure.DOOR_PORT_TAKEN, _TAKEN, how.message.strip())
        elif how is not None and _by_its_configuration(container.name, how):
            yield _misconfigured(door, container.name, how)


def lacking_key(door: Authentication | None, said: str) -> str | None:
    """Return which key of its secret a door waits for, if a mount that failed says so."""
    lacking = _LACKS_KEY.search(said)
    if door is None or lacking is None or not any(f'"{volume}"' in said for volume in _VOLUMES):
        return None
    secret = door.secret_ref.name
    return f"The session waits for the key {lacking['key']} of the secret {secret}, which says who may open it."


def _ended(container: ContainerStatus) -> Terminated | None:
    """Return how a container ended that is down; None for one that runs, or waits for something else."""
    if container.state.waiting is not None and container.state.waiting.reason == "CrashLoopBackOff":
        return container.last_state.terminated
    return container.state.terminated


def _by_its_configuration(name: str, how: Terminated) -> bool:
    if name == names.CONTAINER_AUTHPROXY:
        return how.exit_code == UNUSABLE
    return name == names.CONTAINER_OAUTH2_PROXY and how.exit_code != 0 and how.reason not in _OF_ITS_OWN


def _misconfigured(door: Authentication, name: str, how: Terminated) -> Diagnosis:
    secret = door.secret_ref
    place = f"the key {secret.key} of the secret {secret.name}" if secret.key else f"the secret {secret.name}"
    message = f"Nobody can open the session: {name} cannot use its configuration, {place}. {_REMEDY[name]}"
    return Diagnosis(Failure.DOOR_MISCONFIGURED, message, how.message.strip())
