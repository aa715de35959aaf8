"""The chart on a real cluster: its Role is enough, it takes over from the Go operator's chart, and it leaves politely.

Each test that installs a release of its own does so in a namespace of its own: no two operators serve the same one.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amalthea.model.times import rfc3339
from lab.cluster.admin import Admin
from lab.cluster.release import Release
from lab.control_plane.api import Api
from tests.e2e import old_chart
from tests.e2e.cluster import explainer, wait_until_sessions_can_own
from tests.e2e.operator_pod import Installation
from tests.e2e.specs import STARTS, job, opened_at
from tests.support.world import Object, World

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/amaltheasessions.amalthea.dev"
LEASE = "d2dc1fe0.amalthea.dev"
TAKEN_OVER = 60.0


@pytest.fixture
def installation(cluster: Admin, api: Api, new_release: Callable[[], Release]) -> Installation:
    """A release that is not installed yet."""
    release = new_release()
    return Installation(release, World(api, release.namespace, explainer(cluster, release)))


def pod_of(world: World, name: str) -> tuple[str, int]:
    """Return UID and restarts of a session's pod."""
    pod = world.wait_for("Pod", f"{name}-0", lambda _: True)
    return pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]


def uid_of(found: Object) -> str:
    uid: str = found["metadata"]["uid"]
    return uid


def wait_until_it_leads(installation: Installation) -> None:
    """Return when the operator's pod of today holds the Lease."""
    holder = installation.pod()["metadata"]["name"]
    installation.world.wait_for("Lease", LEASE, lambda lease: lease["spec"]["holderIdentity"] == holder, TAKEN_OVER)


def test_the_role_is_enough_for_all_that_happens_in_a_life(
    operator: Installation, world: World, names: Callable[[], str], cluster: Admin
) -> None:
    session, batch = names(), names()
    world.secret(f"{session}-tls", password="deleted with the session")
    tls = {"host": f"{session}.localhost", "tlsSecret": {"name": f"{session}-tls", "adopt": True}}
    world.session(session, {**opened_at(session), "ingress": tls})
    world.session(batch, job(seconds=600))
    for name in (session, batch):
        world.wait_for_state(name, "Running", STARTS)
        # The volumes of a kind cluster cannot grow.
        if cluster.profile == "full":
            world.patch_spec(name, session={"storage": {"size": "20Mi"}})
            world.wait_for(
                "PersistentVolumeClaim", name, lambda claim: claim["status"]["capacity"]["storage"] == "20Mi", STARTS
            )
        world.patch_spec(name, hibernated=True)
        world.wait_for_state(name, "Hibernated", STARTS)
        world.patch_spec(name, hibernated=False)
        world.wait_for_state(name, "Running", STARTS)
        world.delete("AmaltheaSession", name)
        world.wait_until_nothing_is_left(name, STARTS)
    world.wait_until_gone("Secret", f"{session}-tls")
    log = operator.log()
    assert "forbidden" not in log.lower(), log
    assert operator.refused_requests() == [], log


def test_an_upgrade_from_the_old_chart_restarts_no_session(
    installation: Installation, tmp_path: Path, cluster: Admin
) -> None:
    release, world = installation.release, installation.world
    old_chart.install_crd(release)
    release.install(chart=old_chart.write(tmp_path, release.namespace))
    assert installation.pod()["spec"]["containers"][0]["command"] == ["/manager"]
    world.session("live", opened_at(release.namespace))
    before = world.wait_for_state("live", "Running", STARTS)
    pod, crd = pod_of(world, "live"), uid_of(world.api.get(CRD))
    old_pod = installation.pod()

    release.install()
    wait_until_it_leads(installation)
    assert uid_of(installation.pod()) != uid_of(old_pod)
    world.patch_spec("live", ingress={"annotations": {"seen": "by-the-new-one"}})
    world.wait_for("Ingress", "live", lambda ingress: ingress["metadata"]["annotations"].get("seen"), STARTS)

    after = world.wait_for_state("live", "Running")
    assert pod_of(world, "live") == pod
    assert after["status"]["runID"] == before["status"]["runID"]
    assert uid_of(after) == uid_of(before)
    assert uid_of(world.api.get(CRD)) == crd
    assert "willHibernateAt" in cluster.kubectl("explain", "amaltheasession.status")
    world.delete("AmaltheaSession", "live")
    world.wait_until_nothing_is_left("live", STARTS)


@pytest.mark.timeout(400)
def test_an_upgrade_of_two_replicas_restarts_no_session_and_tells_nothing_new(
    installation: Installation, cluster: Admin
) -> None:
    release, world = installation.release, installation.world
    two = "--set=controllerManager.replicas=2"
    release.install(two)
    wait_until_sessions_can_own(release)
    world.session("live", opened_at(release.namespace))
    world.session("batch", job(seconds=600))
    world.session("rests", {**opened_at(f"{release.namespace}-b"), "hibernated": True})
    for name, state in (("live", "Running"), ("batch", "Running"), ("rests", "Hibernated")):
        world.wait_for_state(name, state, STARTS)
    before = {name: explained(cluster, world, name) for name in ("live", "batch", "rests")}
    pods, former = (pod_of(world, "live"), world.job_pod("batch")["metadata"]["uid"]), operator_pods(world)
    assert len(former) == 2

    begun = rfc3339(datetime.now(UTC))
    release.install(two, "--set=culling.usageInterval=31s")
    world.wait_for("Lease", LEASE, lambda lease: lease["spec"]["holderIdentity"] in operator_pods(world), TAKEN_OVER)
    assert operator_pods(world).isdisjoint(former)
    # Only a leader that has looked at all sessions makes this change: what it had to tell has been told then.
    world.patch_spec("live", ingress={"annotations": {"seen": "by-the-new-one"}})
    world.wait_for("Ingress", "live", lambda ingress: ingress["metadata"]["annotations"].get("seen"), STARTS)
    assert (pod_of(world, "live"), world.job_pod("batch")["metadata"]["uid"]) == pods
    for name, said in before.items():
        after = explained(cluster, world, name)
        known = said["happened"]
        # Kubernetes tells some Events of a start seconds after it.
        assert after | {"happened": [e for e in after["happened"] if e in known or e["at"] >= begun]} == said
    for name in before:
        world.delete("AmaltheaSession", name)
        world.wait_until_nothing_is_left(name, STARTS)


def operator_pods(world: World) -> set[str]:
    """Return the names of the operator's pods that are not being deleted."""
    return {
        pod["metadata"]["name"]
        for pod in world.all("Pod")
        if pod["metadata"]["labels"].get("control-plane") == "controller-manager"
        and "deletionTimestamp" not in pod["metadata"]
    }


def explained(cluster: Admin, world: World, name: str) -> Object:
    """Return what `amalthea explain` says of a session, without the time of asking, and how often a thing was reported.

    The scheduler counts its own Events some seconds later.
    """
    place = ("--kubeconfig", str(cluster.kubeconfig), "--namespace", world.namespace)
    command = (sys.executable, "-m", "amalthea.main", "explain", name, "--output", "json", *place)
    told: Object = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    del told["explainedAt"]
    for event in told["happened"]:
        del event["count"]
    return told


def test_an_uninstall_leaves_the_crd_and_running_sessions(installation: Installation) -> None:
    release, world = installation.release, installation.world
    release.install()
    session = world.session("live", opened_at(release.namespace))
    world.wait_for_state("live", "Running", STARTS)
    pod, crd = pod_of(world, "live"), uid_of(world.api.get(CRD))

    release.uninstall()
    world.wait_until_gone("Deployment", release.deployment)
    kept = world.wait_for_state("live", "Running")
    assert uid_of(kept) == uid_of(session)
    assert pod_of(world, "live") == pod
    assert uid_of(world.api.get(CRD)) == crd
    world.delete("AmaltheaSession", "live")
    world.wait_until_nothing_is_left("live", STARTS)
