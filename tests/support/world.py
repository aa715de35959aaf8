"""A namespace with sessions, seen from outside: what a web back end, an admin or a kubelet does to it, and what is so.

Synchronous and plain, through the lab's own API client and not the operator's. Waiting always has a deadline, and its
failure shows the object that was waited for.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from lab.control_plane.api import Api, ApiError

Object = dict[str, Any]

PATHS = {
    "AmaltheaSession": "apis/amalthea.dev/v1alpha1/namespaces/{}/amaltheasessions",
    "StatefulSet": "apis/apps/v1/namespaces/{}/statefulsets",
    "Job": "apis/batch/v1/namespaces/{}/jobs",
    "Service": "api/v1/namespaces/{}/services",
    "Ingress": "apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "PersistentVolumeClaim": "api/v1/namespaces/{}/persistentvolumeclaims",
    "Secret": "api/v1/namespaces/{}/secrets",
    "Pod": "api/v1/namespaces/{}/pods",
    "Event": "api/v1/namespaces/{}/events",
    "Lease": "apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "ResourceQuota": "api/v1/namespaces/{}/resourcequotas",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
}
WITHIN = 15.0
POLL_INTERVAL = 0.05


class World:
    """One namespace of a real API server.

    `explain` may know more about an object of some name than the object itself: it is asked when a wait fails.
    """

    def __init__(self, api: Api, namespace: str, explain: Callable[[str], str] | None = None) -> None:
        self.api = api
        self.namespace = namespace
        self._explain = explain or (lambda _: "")

    def path(self, kind: str, name: str = "") -> str:
        """Return the API path of a kind in this namespace, or of one object."""
        collection = "/" + PATHS[kind].format(self.namespace)
        return f"{collection}/{name}" if name else collection

    def create(self, body: Object) -> Object:
        """Create any object."""
        return self.api.post(self.path(body["kind"]), body)

    def session(self, name: str, spec: Object, **metadata: Object) -> Object:
        """Create a session, as a web back end does."""
        return self.create(
            {
                "apiVersion": "amalthea.dev/v1alpha1",
                "kind": "AmaltheaSession",
                "metadata": {"name": name, **metadata},
                "spec": {"hibernated": False, **spec},
            }
        )

    def secret(self, name: str, **values: str) -> Object:
        """Create a secret."""
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
        return self.create(body)

    def get(self, kind: str, name: str) -> Object | None:
        """Return an object, or None if there is none."""
        try:
            return self.api.get(self.path(kind, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def all(self, kind: str) -> list[Object]:
        """Return all objects of a kind."""
        items: list[Object] = self.api.get(self.path(kind))["items"]
        return items

    def patch(self, kind: str, name: str, **body: object) -> Object:
        """Merge-patch an object."""
        return self.api.patch(self.path(kind, name), body)

    def patch_spec(self, name: str, **spec: object) -> Object:
        """Merge-patch a session's spec, as a web back end does."""
        return self.patch("AmaltheaSession", name, spec=spec)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object; one that is gone already is fine."""
        try:
            self.api.delete(self.path(kind, name))
        except ApiError as error:
            if error.status != 404:
                raise

    def wait_for(self, kind: str, name: str, condition: Callable[[Object], object], within: float = WITHIN) -> Object:
        """Return the object as soon as it is there and the condition holds."""
        deadline = time.monotonic() + within
        found: Object | None = None
        while time.monotonic() < deadline:
            found = self.get(kind, name)
            if found is not None and condition(found):
                return found
            time.sleep(POLL_INTERVAL)
        shown = json.dumps(_short(found), indent=1) if found is not None else "it is not there"
        raise AssertionError(f"{kind} {name} is not as expected after {within} s: {shown}\n{self._explain(name)}")

    def wait_for_state(self, name: str, state: str, within: float = WITHIN) -> Object:
        """Return the session as soon as its status has that state."""
        return self.wait_for("AmaltheaSession", name, lambda s: s.get("status", {}).get("state") == state, within)

    def wait_until_gone(self, kind: str, name: str, within: float = WITHIN) -> None:
        """Return as soon as there is no such object."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.get(kind, name) is None:
                return
            time.sleep(POLL_INTERVAL)
        left = json.dumps(_short(self.get(kind, name)), indent=1)
        raise AssertionError(f"{kind} {name} is still there after {within} s: {left}\n{self._explain(name)}")

    def belongings_of(self, session: str) -> list[str]:
        """Return all objects with the session's label, as `Kind/name`."""
        kinds = ("StatefulSet", "Job", "Pod", "Service", "Ingress", "PersistentVolumeClaim", "Secret")
        found = ((kind, item["metadata"]) for kind in kinds for item in self.all(kind))
        mine = "app.kubernetes.io/instance"
        return [f"{kind}/{each['name']}" for kind, each in found if each.get("labels", {}).get(mine) == session]

    def wait_until_nothing_is_left(self, session: str, within: float = WITHIN) -> None:
        """Return as soon as the session is gone, and with it all that it owned."""
        self.wait_until_gone("AmaltheaSession", session, within)
        deadline = time.monotonic() + within
        while left := self.belongings_of(session):
            if time.monotonic() > deadline:
                raise AssertionError(f"{left} are left of {session} after {within} s\n{self._explain(session)}")
            time.sleep(POLL_INTERVAL)

    def make_pod_ready(self, name: str, within: float = WITHIN) -> Object:
        """Play the kubelet: all containers of the session's pod run and are ready."""
        pod = self.wait_for("Pod", f"{name}-0", lambda pod: "deletionTimestamp" not in pod["metadata"], within)
        return self.set_pod_status(pod, ready_status(pod))

    def job_pod(self, name: str) -> Object:
        """Return the pod of a session's Job, once it is there."""
        self.wait_for("Job", name, lambda job: job.get("status", {}).get("active"))
        labelled = [pod for pod in self.all("Pod") if pod["metadata"]["labels"].get("job-name") == name]
        return next(pod for pod in labelled if "deletionTimestamp" not in pod["metadata"])

    def set_pod_status(self, pod: Object, status: Object) -> Object:
        """Play the kubelet: write a pod's status."""
        return self.api.patch(self.path("Pod", pod["metadata"]["name"]) + "/status", {"status": status})

    def run(self, name: str, spec: Object) -> Object:
        """Create a session and bring it to Running."""
        self.session(name, spec)
        self.make_pod_ready(name)
        return self.wait_for_state(name, "Running")

    def wait_for_events(self, session: Object, *expected: str, besides: str = "", within: float = WITHIN) -> None:
        """Return as soon as the Events on a session are these; one that may be reported or not does not count."""
        deadline = time.monotonic() + within
        while (reasons := [reason for reason in self._events_of(session) if reason != besides]) != list(expected):
            assert time.monotonic() < deadline, f"the Events are {reasons}, not {list(expected)}, after {within} s"
            time.sleep(POLL_INTERVAL)

    def _events_of(self, session: Object) -> list[str]:
        uid = session["metadata"]["uid"]
        ours = [event for event in self.all("Event") if event["involvedObject"].get("uid") == uid]
        return [event["reason"] for event in sorted(ours, key=lambda event: int(event["metadata"]["resourceVersion"]))]


def ready_status(pod: Object, now: str = "") -> Object:
    """Return the status of a pod whose containers all run and are ready, since this moment if no other is given."""
    now = now or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    runs = {"running": {"startedAt": now}}
    done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}

    def status(container: Object, state: Object) -> Object:
        return {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": True,
            "restartCount": 0,
            "state": state,
        }

    spec = pod["spec"]
    return {
        "phase": "Running",
        "startTime": now,
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": now}
            for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ],
        "initContainerStatuses": [
            status(container, runs if container.get("restartPolicy") == "Always" else done)
            for container in spec.get("initContainers", ())
        ],
        "containerStatuses": [status(container, runs) for container in spec["containers"]],
    }


def as_written(found: Object | None) -> Object:
    """Return an object without its status and the marks of writes to that: controllers go on writing it."""
    assert found is not None
    metadata = {key: value for key, value in found["metadata"].items() if key != "resourceVersion"}
    metadata["managedFields"] = [entry for entry in metadata["managedFields"] if entry.get("subresource") != "status"]
    return {key: value for key, value in found.items() if key != "status"} | {"metadata": metadata}


def condition(session: Object, kind: str) -> Object | None:
    """Return a condition of a session, or None."""
    conditions: list[Object] = session.get("status", {}).get("conditions", [])
    return next((found for found in conditions if found["type"] == kind), None)


def _short(found: Object | None) -> Object | None:
    if found is None:
        return None
    metadata = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
    return {**found, "metadata": metadata}
