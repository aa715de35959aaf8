"""Nobody can open a session whose door is misconfigured: the status must say in which secret to look, and no value."""

import pytest

from amalthea.api import names
from amalthea.api.reasons import Failure
from amalthea.api.schema import Manifest
from amalthea.model.diagnosis.checks import find
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.observations import (
    POD_UID,
    container,
    event,
    observed,
    pod,
    running,
    statefulset,
    terminated,
    waiting,
    with_events,
)

TOKEN = session().with_token()
CRASHES = waiting("CrashLoopBackOff", "back-off 10s")
SAID = "/etc/authproxy/auth: cookie_kay is none of its keys; do you mean cookie_key?\n"


def trouble_of(door: SessionBuilder, name: str, state: Manifest, last: Manifest | None = None) -> Diagnosis:
    """Return what is wrong: the same for a native sidecar as for a container of a session that runs already."""
    checking = container(name, state, last=last) if last is not None else container(name, state)
    found = find(observed(door, statefulset(), pod(container(state=running()), checking)))
    waits = container(state=waiting("PodInitializing"))
    assert find(observed(door, statefulset(), pod(waits, sidecars=[checking], phase="Pending"))) == found
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("state", "last"), [(terminated(2, message=SAID), None), (CRASHES, terminated(2, message=SAID))]
)
def test_a_door_that_cannot_use_its_secret_names_it_while_it_is_down_and_while_it_waits(
    state: Manifest, last: Manifest | None
) -> None:
    assert trouble_of(TOKEN, "authproxy", state, last) == Diagnosis(
        Failure.DOOR_MISCONFIGURED,
        "Nobody can open the session: authproxy cannot use its configuration, the key auth of the secret door."
        " Correct it there; authproxy restarts automatically.",
        SAID.strip(),
    )


def test_a_program_that_listens_on_the_doors_port_is_told_apart_from_a_spoilt_secret() -> None:
    said = "Port 65535 cannot be listened on: another program of the pod listens there."
    for state, last in ((terminated(3, message=said), None), (CRASHES, terminated(3, message=said))):
        found = trouble_of(TOKEN, "authproxy", state, last)
        assert (found.code, found.fatal, found.said) == (Failure.DOOR_PORT_TAKEN, True, said)
        assert "listen on a port other than 65533, 65534 and 65535" in found.message


def test_oauth2_proxy_with_a_whole_secret_as_its_configuration_names_that() -> None:
    found = trouble_of(session().with_oidc("provider"), "oauth2-proxy", terminated(1))
    assert found.code is Failure.DOOR_MISCONFIGURED
    assert "cannot use its configuration, the secret provider. Correct it there, or wait if" in found.message


@pytest.mark.parametrize(
    ("name", "how", "code"),
    [
        ("authproxy", terminated(137, "OOMKilled"), Failure.OUT_OF_MEMORY),
        ("authproxy", terminated(1), Failure.CRASHED),
        ("oauth2-proxy", terminated(3), Failure.DOOR_MISCONFIGURED),
        ("oauth2-proxy", terminated(137, "OOMKilled"), Failure.OUT_OF_MEMORY),
        ("oauth2-proxy", terminated(128, "StartError", "no such file or directory"), Failure.CANNOT_START),
    ],
)
def test_a_door_that_ends_for_another_reason_does_not_blame_its_secret(name: str, how: Manifest, code: Failure) -> None:
    assert trouble_of(TOKEN, name, how).code is code


def test_a_container_of_that_name_is_not_a_door_without_authentication() -> None:
    found = find(observed(None, statefulset(), pod(container("authproxy", terminated(2)))))
    assert found is not None
    assert found.code is Failure.CRASHED


@pytest.mark.parametrize(
    ("door", "volume", "key"),
    [
        (session().with_oidc("provider"), names.VOLUME_AUTHORIZED_EMAILS, "AUTHORIZED_EMAILS"),
        (session().with_token("provider", "auth"), names.VOLUME_PROXY_CONFIG, "auth"),
        (session().with_oauth2_proxy("provider", "auth"), names.VOLUME_PROXY_CONFIG, "auth"),
    ],
)
def test_a_key_that_is_not_there_yet_is_named_with_its_secret(door: SessionBuilder, volume: str, key: str) -> None:
    words = f'MountVolume.SetUp failed for volume "{volume}" : references non-existent secret key: {key}'
    creating = pod(container(state=waiting("ContainerCreating")))
    found = find(with_events(observed(door, statefulset(), creating), event(POD_UID, "FailedMount", words)))
    assert found is not None
    assert (found.code, found.fatal) == (Failure.DEPENDENCY_MISSING, False)
    assert found.message == f"The session waits for the key {key} of the secret provider, which says who may open it."
