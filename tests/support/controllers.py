"""The cluster's own controllers and kubelets, played on a fake API server, a second after each change.

Pods of StatefulSets and Jobs come and are ready at once, claims get volumes, and orphans are collected.
"""

from functools import partial
from typing import Any

from amalthea.api import names
from amalthea.engine.ports import Clock, Key
from amalthea.model.times import rfc3339
from amalthea.testing.api_server.objects import Choice, Happened, Manifest, Objects, Refusal
from tests.support.world import ready_status

KINDS = {
    names.KIND: "amalthea.dev/v1alpha1/amaltheasessions",
    "StatefulSet": "apps/v1/statefulsets",
    "Job": "batch/v1/jobs",
    "Service": "v1/services",
    "Ingress": "networking.k8s.io/v1/ingresses",
    "PersistentVolumeClaim": "v1/persistentvolumeclaims",
    "Secret": "v1/secrets",
    "Pod": "v1/pods",
    "Event": "v1/events",
}
METRICS = "metrics.k8s.io/v1beta1/pods"
DELAY = 1.0
MEASURED_EACH = 15.0
"""Seconds from one measurement of the pods to the next."""


class Controllers:
    """Follows all that happens to the objects."""

    def __init__(self, objects: Objects, clock: Clock) -> None:
        self.start_pods = True
        """Whether a kubelet starts the pods."""
        self.make_pods = True
        """Whether there are pods at all."""
        self._objects = objects
        self._clock = clock
        self._act = {
            KINDS["StatefulSet"]: self._statefulset,
            KINDS["Job"]: self._job,
            KINDS["PersistentVolumeClaim"]: self._claim,
        }
        objects.listeners.append(self._happened)

    def measure(self) -> None:
        """Measure all pods from now on, as a metrics server does: all of them work."""
        for pod in self._objects.select(Choice(KINDS["Pod"])):
            metadata = {each: pod["metadata"][each] for each in ("name", "labels")}
            measured = {
                "metadata": metadata,
                "timestamp": self._now(),
                "containers": [{"name": names.CONTAINER_SESSION, "usage": {"cpu": "1"}}],
            }
            namespace = pod["metadata"]["namespace"]
            try:
                self._objects.update(METRICS, (namespace, metadata["name"]), measured)
            except Refusal:
                self._objects.create(METRICS, namespace, measured)
        self._clock.call_at(self._clock.monotonic() + MEASURED_EACH, self.measure)

    def _happened(self, change: Happened) -> None:
        metadata = change.object["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        if change.type == "DELETED":
            self._later(partial(self._collect, metadata["uid"]))
        elif act := self._act.get(change.kind):
            self._later(partial(act, key))

    def _later(self, act: partial[None]) -> None:
        self._clock.call_at(self._clock.monotonic() + DELAY, act)

    def _collect(self, owner: str) -> None:
        for kind in KINDS.values():
            for found in self._objects.select(Choice(kind)):
                owners = found["metadata"].get("ownerReferences", ())
                if any(each["uid"] == owner for each in owners):
                    self._objects.delete(kind, _key(found), {})

    def _statefulset(self, key: Key) -> None:
        if (found := self._get("StatefulSet", key)) is None:
            return
        wanted = found["spec"]["replicas"]
        pod = self._pod(found, key[1] + "-0", wanted > 0)
        ready = int(pod and self.start_pods)
        self._status("StatefulSet", key, {"replicas": int(pod), "readyReplicas": ready} if pod else {"replicas": 0})

    def _job(self, key: Key) -> None:
        if (found := self._get("Job", key)) is None:
            return
        pod = self._pod(found, key[1] + "-x", not found["spec"].get("suspend"))
        started = {"startTime": found.get("status", {}).get("startTime", self._now())} if pod else {}
        self._status("Job", key, {"active": 1, "ready": 1, **started} if pod else {})

    def _claim(self, key: Key) -> None:
        self._status("PersistentVolumeClaim", key, {"phase": "Bound"})

    def _pod(self, owner: Manifest, name: str, wanted: bool) -> bool:
        """Bring the pod of a workload to what its template says; return whether there is one."""
        wanted = wanted and self.make_pods
        key, template = (owner["metadata"]["namespace"], name), owner["spec"]["template"]
        found = self._get("Pod", key)
        if found is not None and (not wanted or found["spec"] != template["spec"]):
            self._objects.delete(KINDS["Pod"], key, {})
            found = None
        if wanted and found is None:
            reference = {"kind": owner["kind"], "name": key[1], "uid": owner["metadata"]["uid"], "controller": True}
            metadata = {**template["metadata"], "name": name, "ownerReferences": [reference]}
            pod: dict[str, Any] = {"metadata": metadata, "spec": template["spec"]}
            self._objects.create(KINDS["Pod"], key[0], pod)
            if self.start_pods:
                self._status("Pod", key, ready_status(pod, self._now()))
        return wanted

    def _status(self, kind: str, key: Key, status: Manifest) -> None:
        if (found := self._get(kind, key)) is not None:
            self._objects.update(KINDS[kind], key, {**found, "status": status}, "status")

    def _get(self, kind: str, key: Key) -> Manifest | None:
        try:
            return self._objects.get(KINDS[kind], key)
        except Refusal:
            return None

    def _now(self) -> str:
        return rfc3339(self._clock.now())


def _key(found: Manifest) -> Key:
    return found["metadata"].get("namespace", ""), found["metadata"]["name"]
