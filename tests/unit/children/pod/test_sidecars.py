"""A program of the session that listens on the door's port before the door does would receive its visitors' keys."""

import pytest

from amalthea.api.schema import Manifest
from amalthea.children.pod import pod
from amalthea.testing.builders import SessionBuilder, session
from tests import recorded

ENTRY, BEHIND, META = 65535, 65533, 65534
DOORS = {
    "token": (session().with_token(), {"authproxy"}),
    "oauth2proxy": (session().with_oauth2_proxy(), {"oauth2-proxy", "authproxy"}),
    "oidc": (session().with_oidc(), {"oauth2-proxy", "authproxy"}),
    "remote": (session().with_token().remote(), {"authproxy"}),
}
STOPS_AT_ONCE = {"name": "AUTHPROXY_STOP_WITHIN", "value": "1"}
OLD = {"native_sidecars": False}


def spec_of(builder: SessionBuilder) -> Manifest:
    spec: Manifest = pod.template(builder.subject())["spec"]
    return spec


def moved(spec: Manifest, doors: set[str]) -> Manifest:
    """Return the spec of a pod with the containers of the door in the place of native sidecars."""
    sidecars = [
        {
            **each,
            "env": [*each["env"], STOPS_AT_ONCE] if each["name"] == "authproxy" else each["env"],
            "restartPolicy": "Always",
        }
        for each in spec["containers"]
        if each["name"] in doors
    ]
    containers = [each for each in spec["containers"] if each["name"] not in doors]
    return {**spec, "initContainers": [*sidecars, *spec.get("initContainers", ())], "containers": containers}


@pytest.mark.parametrize("name", [name for name in recorded.NAMES if name not in ("job", "minimal")])
def test_only_the_place_of_the_doors_containers_differs_from_a_cluster_without_native_sidecars(name: str) -> None:
    given = session(name).with_spec(**recorded.load(name).given["spec"])
    native, old = spec_of(given), spec_of(given.with_settings(**OLD))
    assert native == moved(old, {"authproxy", "oauth2-proxy"})


@pytest.mark.parametrize(("builder", "expected"), DOORS.values(), ids=DOORS)
def test_the_door_holds_its_ports_before_any_other_container_starts(
    builder: SessionBuilder, expected: set[str]
) -> None:
    others = {"name": "first", "image": "example.org/first"}
    spec = spec_of(builder.with_repository("https://git.example.org/a/b.git").with_init_container(others))
    doors, rest = spec["initContainers"][: len(expected)], spec["initContainers"][len(expected) :]
    assert {each["name"] for each in doors} == expected
    assert [each["name"] for each in rest] == ["git-clone-0", "first"]
    for door in doors:  # the kubelet starts the next container when the startup probe has succeeded
        assert door["restartPolicy"] == "Always"
        assert door["startupProbe"]["httpGet"] == door["readinessProbe"]["httpGet"]
        assert door["startupProbe"]["periodSeconds"] == 1
    asked = {door["startupProbe"]["httpGet"]["port"] for door in doors}
    assert asked == ({ENTRY} if len(expected) == 1 else {ENTRY, BEHIND})


@pytest.mark.parametrize(("builder", "expected"), DOORS.values(), ids=DOORS)
def test_a_cluster_without_native_sidecars_has_the_door_beside_the_session(
    builder: SessionBuilder, expected: set[str]
) -> None:
    spec = spec_of(builder.with_settings(**OLD))
    doors = [each for each in spec["containers"] if each["name"] in expected]
    assert len(doors) == len(expected)
    assert "initContainers" not in spec
    assert all("restartPolicy" not in each for each in doors)
    for door in doors:  # the session is not ready before its door is: so it is not asked each ten seconds only
        assert door["startupProbe"] == {**door["readinessProbe"], "periodSeconds": 1, "failureThreshold": 60}


@pytest.mark.parametrize("login", ["oauth2proxy", "oidc"])
def test_an_admins_arguments_come_after_all_others_of_oauth2_proxy_so_that_they_win(login: str) -> None:
    given = DOORS[login][0]
    extra = ("--skip-auth-preflight=true", "--cookie-samesite=lax")
    plain, more = (
        {each["name"]: each["args"] for each in spec_of(one)["initContainers"]}
        for one in (given, given.with_settings(oauth2_proxy_extra_args=extra))
    )
    assert more == {**plain, "oauth2-proxy": [*plain["oauth2-proxy"], *extra]}


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("user", [0, 1000, 65532, 61001, 61002])
@pytest.mark.parametrize(("builder", "expected"), DOORS.values(), ids=DOORS)
def test_no_program_of_the_door_has_the_uid_of_the_session(
    builder: SessionBuilder, expected: set[str], user: int, native: bool
) -> None:
    spec = spec_of(builder.with_session(runAsUser=user, runAsGroup=user).with_settings(native_sidecars=native))
    doors = [each for each in (*spec.get("initContainers", ()), *spec["containers"]) if each["name"] in expected]
    assert len(doors) == len(expected)
    for door in doors:
        assert door["securityContext"]["runAsUser"] not in (0, user)
        assert door["securityContext"]["runAsNonRoot"] is True


def test_a_job_has_no_door() -> None:
    assert "initContainers" not in spec_of(session().with_token().as_job())
