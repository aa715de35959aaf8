"""The operator's rights are exactly those that it uses: a full life of sessions under the rendered Role, on a real API
server whose audit log has each request that was made, and each that was refused.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.control_plane.control_plane import ControlPlane, KubectlError
from tests.chart.helm import CHART, NAMESPACE, Object, bound, environment_of, manager_of, render, rights
from tests.chart.installation import OPERATOR, Installation, old_chart
from tests.support.processes import OperatorProcess
from tests.support.world import World, condition

Operator = Callable[..., OperatorProcess]

CONTAINER = {"image": "docker.io/amalthea/probe:dev", "readinessProbe": {"type": "none"}}
TOKEN = {
    "session": CONTAINER,
    "ingress": {"host": "lab.localhost"},
    "authentication": {"type": "token", "secretRef": {"name": "door", "key": "auth", "adopt": True}},
    "dataSources": [{"mountPath": "/data", "secretRef": {"name": "source"}}],
}
REMOTE = {
    **TOKEN,
    "location": "remote",
    "authentication": {"enabled": False, "type": "token", "secretRef": {"name": "x"}},
}
JOB = {"sessionType": "NonInteractive", "session": CONTAINER}

CHECKED_ON_ADMISSION = {("amalthea.dev", "amaltheasessions/finalizers", "update")}
"""No request, but a condition of others: that an owner reference may block the session's deletion."""


@pytest.fixture
def installation(cluster: ControlPlane, tmp_path: Path) -> Installation:
    return Installation(cluster, tmp_path)


@pytest.fixture
def operator(installation: Installation, tmp_path: Path) -> Iterator[Operator]:
    """Starts the operator of an installation: as the user and with the environment that the chart gives it."""
    started: list[OperatorProcess] = []

    def start(name: str = "operator") -> OperatorProcess:
        environment = environment_of(manager_of(render())) | {"POD_NAME": name}
        namespace = environment.pop("RELEASE_NAMESPACE")
        started.append(OperatorProcess(installation.kubeconfig(), tmp_path, namespace, **environment))
        return started[-1].start()

    yield start
    for process in started:
        process.kill()


@pytest.mark.timeout(180)
def test_every_right_is_used_and_every_use_is_a_right(
    cluster: ControlPlane, installation: Installation, operator: Operator
) -> None:
    installation.install(CHART)
    world = World(cluster.api, NAMESPACE)
    process = operator()
    live(world)
    run_a_job_again(world)
    wait_until_events_are_asked_for(cluster.audit_log)
    standby = operator("standby")
    wait_until_asked(cluster.audit_log, ("coordination.k8s.io", "leases", "watch"))
    standby.terminate()
    process.terminate()
    granted = rights(*bound(render()))
    used, refused = requests(cluster.audit_log)
    assert refused == set()
    assert used == granted - CHECKED_ON_ADMISSION


@pytest.mark.timeout(180)
def test_under_the_role_of_the_old_chart_sessions_and_jobs_go_on_and_only_claims_and_jobs_stay_as_they_were(
    cluster: ControlPlane, installation: Installation, operator: Operator, tmp_path: Path
) -> None:
    """Swapping only the image in the old chart works."""
    installation.install(old_chart(tmp_path))
    world = World(cluster.api, NAMESPACE)
    process = operator()
    live(world)
    job = _pause_a_job(world)
    former = job["metadata"]["annotations"]["renku.io/run_id"]
    for _ in range(2):
        world.patch_spec("job", hibernated=False, session={"image": "docker.io/amalthea/probe:2"})
        again = world.wait_for("Job", "job", lambda job: job.get("status", {}).get("active"))
        assert again["metadata"]["uid"] == job["metadata"]["uid"]
        run = again["metadata"]["annotations"]["renku.io/run_id"]
        session = world.wait_for("AmaltheaSession", "job", lambda session: condition(session, "UpdatePending"))
        assert (session["status"]["state"], session["status"]["runID"]) == ("NotReady", run)
        assert run > former
        former = run
        world.patch_spec("job", hibernated=True)
        world.wait_for_state("job", "Hibernated")
    _resume_with_another_source(world)
    process.terminate()
    assert requests(cluster.audit_log)[1] == {("batch", "jobs", "delete"), ("", "persistentvolumeclaims", "delete")}
    assert process.log.count("the operator may not delete an object, so it stays") == 2, "once for each kind"


def test_without_the_right_on_finalizers_no_child_could_be_made(
    cluster: ControlPlane, installation: Installation
) -> None:
    """The one right that no audit log shows."""
    installation.install(CHART)
    world = World(cluster.api, NAMESPACE)
    session = world.session("one", JOB)
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
    rule = {"apiGroups": [""], "resources": ["services"], "verbs": ["create"]}
    cluster.api.post(f"{rbac}/roles", {"metadata": {"name": "poor"}, "rules": [rule]})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "poor"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "poor"}
    cluster.api.post(f"{rbac}/rolebindings", {"metadata": {"name": "poor"}, "roleRef": role, "subjects": [subject]})
    assert "cannot set blockOwnerDeletion" in _answer(cluster, "poor", session)
    assert _answer(cluster, OPERATOR, session).endswith("created\n")


def live(world: World) -> None:
    """Lead sessions of several kinds through all that happens to them, but for a second run of a job."""
    world.secret("door", auth="authproxy: {token: t}")
    world.run("one", TOKEN)
    world.session("far", REMOTE)
    world.wait_for("StatefulSet", "far", lambda _: True)
    _change_everything(world)
    world.delete("Service", "one")
    world.wait_for("Service", "one", lambda _: True)
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.wait_until_gone("Ingress", "one")
    world.patch_spec("one", hibernated=False, dataSources=None)
    world.make_pod_ready("one")
    world.wait_for_state("one", "Running")
    for name in ("one", "far"):
        world.delete("AmaltheaSession", name)
        world.wait_until_gone("AmaltheaSession", name)
    world.run("short", {"session": CONTAINER, "culling": {"maxIdleDuration": "1h", "maxHibernatedDuration": "1s"}})
    world.patch_spec("short", hibernated=True)
    world.wait_until_gone("AmaltheaSession", "short")
    _leave_no_room(world)
    world.wait_until_gone("Secret", "door")


def run_a_job_again(world: World) -> None:
    """Pause a job, resume it, and see that it has a new Job."""
    job = _pause_a_job(world)
    world.patch_spec("job", hibernated=False)
    world.wait_for("Job", "job", lambda again: again["metadata"]["uid"] != job["metadata"]["uid"])


def wait_until_events_are_asked_for(audit_log: Path) -> None:
    """Return when the job's volume, which nobody makes here, has made the operator ask why."""
    wait_until_asked(audit_log, ("", "events", "list"))


def wait_until_asked(audit_log: Path, right: tuple[str, str, str], within: float = 45.0) -> None:
    """Return when the operator has made use of a right: of a group, a resource and a verb."""
    deadline = time.monotonic() + within
    while right not in requests(audit_log)[0]:
        assert time.monotonic() < deadline, f"nobody has asked for {right}"
        time.sleep(0.5)


def requests(audit_log: Path) -> tuple[set[tuple[str, str, str]], set[tuple[str, str, str]]]:
    """Return what was asked for and what was refused, as group, resource and verb.

    A request that is refused only because the API server has not learned of a new CRD yet does not lack a right.
    """
    used, refused = set(), set()
    for line in audit_log.read_text().splitlines():
        event = json.loads(line)
        asked = event.get("objectRef")
        if asked is None:
            continue
        resource = f"{asked['resource']}/{asked['subresource']}" if "subresource" in asked else asked["resource"]
        right = (asked.get("apiGroup", ""), resource, event["verb"])
        used.add(right)
        answer = event["responseStatus"]
        if answer["code"] in (401, 403) and "no matches for kind" not in answer.get("message", ""):
            refused.add(right)
    return used, refused


def _leave_no_room(world: World) -> None:
    """Let a quota refuse a session's pod: only Events report that, which are asked for after a while."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    world.create(quota)
    world.wait_for("ResourceQuota", "none", lambda quota: quota.get("status", {}).get("hard"))
    world.session("full", {"session": CONTAINER})
    world.wait_for("AmaltheaSession", "full", lambda s: "quota" in s["status"].get("error", ""), within=60)
    world.delete("AmaltheaSession", "full")
    world.wait_until_gone("AmaltheaSession", "full")
    world.delete("ResourceQuota", "none")


def _change_everything(world: World) -> None:
    """Change a spec so that every child has to be written again."""
    label = {"metadata": {"labels": {"example.org/team": "a"}}}
    world.patch_spec("one", template=label, ingress={"annotations": {"example.org/size": "1"}})
    for kind in ("StatefulSet", "Service", "Ingress", "PersistentVolumeClaim"):
        world.wait_for(kind, "one", lambda child: child["metadata"]["labels"].get("example.org/team"))
    world.wait_for("Secret", "one---internal", lambda child: child["metadata"]["labels"].get("example.org/team"))


def _pause_a_job(world: World) -> Object:
    """Run a job and pause it; return the Job."""
    world.session("job", JOB)
    job = world.wait_for("Job", "job", lambda job: job.get("status", {}).get("active"))
    world.patch_spec("job", hibernated=True)
    world.wait_for_state("job", "Hibernated")
    return job


def _resume_with_another_source(world: World) -> None:
    """Give a paused session another data source where one was; see that it does not start with the former one."""
    source = {"mountPath": "/data", "secretRef": {"name": "former"}}
    world.run("two", {"session": CONTAINER, "dataSources": [source]})
    world.patch_spec("two", hibernated=True)
    world.wait_for_state("two", "Hibernated")
    world.patch_spec("two", hibernated=False, dataSources=[source | {"secretRef": {"name": "other"}}])
    session = world.wait_for_state("two", "Failed")
    assert 'cannot delete resource "persistentvolumeclaims"' in session["status"]["error"]
    workload = world.get("StatefulSet", "two")
    assert workload is not None
    assert workload["spec"]["replicas"] == 0


def _answer(cluster: ControlPlane, user: str, owner: Object, within: float = 15.0) -> str:
    """Create a Service that blocks its owner's deletion; return what the API server said, once it knows the user."""
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "blockOwnerDeletion": True}
    reference |= {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"generateName": "child-", "namespace": NAMESPACE, "ownerReferences": [reference]},
        "spec": {"ports": [{"port": 80}]},
    }
    deadline, said = time.monotonic() + within, ""
    while time.monotonic() < deadline:
        try:
            return cluster.kubectl("create", "--as", user, "--filename", "-", stdin=json.dumps(body))
        except KubectlError as error:
            said = str(error)
        if "cannot create resource" not in said:
            return said
        time.sleep(0.05)
    return said
