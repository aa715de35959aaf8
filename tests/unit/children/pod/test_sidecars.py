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
    """Return the spec of a pod with the containers of the door in the place of native sidecars.

    Where a cloner follows, it waits for them, and no startup probe is needed.
    """
    beside = [each for each in spec["containers"] if each["name"] in doors]
    cloners = [each for each in spec.get("initContainers", ()) if each["name"].startswith("git-clone-")]
    rest = [each for each in spec.get("initContainers", ()) if each not in cloners]
    if cloners and beside:
        asked = [each["readinessProbe"]["httpGet"] for each in beside]
        at = ",".join(f"http://127.0.0.1:{each['port']}{each['path']}" for each in asked)
        env = [*cloners[0].get("env", ()), {"name": "CLONER_AWAITED_DOORS", "value": at}]
        cloners[0] = {**cloners[0], "env": env}
    sidecars = [_as_sidecar(each, is_awaited=bool(cloners)) for each in beside]
    containers = [each for each in spec["containers"] if each["name"] not in doors]
    return {**spec, "initContainers": [*sidecars, *cloners, *rest], "containers": containers}


def _as_sidecar(door: Manifest, *, is_awaited: bool) -> Manifest:
    env = [*door["env"], STOPS_AT_ONCE] if door["name"] == "authproxy" else door["env"]
    native = {**door, "env": env, "restartPolicy": "Always"}
    if is_awaited:
        native["livenessProbe"] = {**native["livenessProbe"], "initialDelaySeconds": 40}
        often = {"initialDelaySeconds": 1, "periodSeconds": 2, "failureThreshold": 15}
        native["readinessProbe"] = {**native["readinessProbe"], **often}
        del native["startupProbe"]
    return native


@pytest.mark.parametrize("name", [name for name in recorded.NAMES if name not in ("job", "minimal")])
def test_only_the_place_of_the_doors_containers_differs_from_a_cluster_without_native_sidecars(name: str) -> None:
    given = session(name).with_spec(**recorded.load(name).given["spec"])
    native, old = spec_of(given), spec_of(given.with_settings(**OLD))
    assert native == moved(old, {"authproxy", "oauth2-proxy"})


@pytest.mark.parametrize(("builder", "expected"), DOORS.values(), ids=DOORS)
def test_the_door_holds_its_ports_before_any_other_container_starts(
    builder: SessionBuilder, expected: set[str]
) -> None:
    spec = spec_of(builder.with_init_container({"name": "first", "image": "example.org/first"}))
    doors, rest = spec["initContainers"][: len(expected)], spec["initContainers"][len(expected) :]
    assert {each["name"] for each in doors} == expected
    assert [each["name"] for each in rest] == ["first"]
    for door in doors:  # the kubelet starts the next container when the startup probe has succeeded
        assert door["restartPolicy"] == "Always"
        assert door["startupProbe"]["httpGet"] == door["readinessProbe"]["httpGet"]
        assert door["startupProbe"]["periodSeconds"] == 1
    asked = {door["startupProbe"]["httpGet"]["port"] for door in doors}
    assert asked == ({ENTRY} if len(expected) == 1 else {ENTRY, BEHIND})


@pytest.mark.parametrize(("builder", "expected"), DOORS.values(), ids=DOORS)
def test_the_first_cloner_waits_for_the_doors_ports_so_that_no_probe_has_to(
    builder: SessionBuilder, expected: set[str]
) -> None:
    given = builder.with_repository("https://git.example.org/a/b.git").with_repository(
        "https://git.example.org/a/c.git"
    )
    spec = spec_of(given.with_init_container({"name": "first", "image": "example.org/first"}))
    doors, rest = spec["initContainers"][: len(expected)], spec["initContainers"][len(expected) :]
    assert {each["name"] for each in doors} == expected
    assert [each["name"] for each in rest] == ["git-clone-0", "git-clone-1", "first"]
    awaited = [{each["name"]: each["value"] for each in clone.get("env", ())} for clone in rest[:2]]
    behind = f"http://127.0.0.1:{BEHIND}/__amalthea__/health"
    at = (
        f"http://127.0.0.1:{ENTRY}/__amalthea__/health"
        if len(expected) == 1
        else f"http://127.0.0.1:{ENTRY}/ping,{behind}"
    )
    assert [each.get("CLONER_AWAITED_DOORS") for each in awaited] == [at, None]
    for door in doors:
        assert "startupProbe" not in door
        handler = {"httpGet": door["readinessProbe"]["httpGet"]}
        assert door["livenessProbe"] == {**handler, "initialDelaySeconds": 40}
        # The first answer decides for a whole period: it is asked for when the door has begun, and again soon.
        assert door["readinessProbe"] == {
            **handler,
            "initialDelaySeconds": 1,
            "periodSeconds": 2,
            "failureThreshold": 15,
        }


def test_a_cloner_waits_for_no_door_where_there_is_none_or_where_it_starts_later() -> None:
    cloned = session().with_repository("https://git.example.org/a/b.git")
    for builder in (cloned, cloned.with_token().with_settings(**OLD), cloned.as_job()):
        (clone,) = spec_of(builder)["initContainers"]
        assert "env" not in clone


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
