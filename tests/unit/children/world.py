"""A session's world in miniature: its children as an API server keeps them, changed by what is decided, pass by pass.

What the cluster does of itself (a pod comes, a default is filled in, a child is deleted) a test does by hand.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec

from amalthea.api.schema import Manifest
from amalthea.api.types import Status
from amalthea.children.changes.comparison import compare
from amalthea.children.changes.pod_template_changes import PodSpecHash, pod_spec_hash
from amalthea.children.changes.writes import Changes, Create, Delete, Patch, Write
from amalthea.children.manifests import children
from amalthea.children.pod.pod_template_inputs import pod_relevant
from amalthea.children.secret import Material, material_from
from amalthea.children.shared.url import session_url
from amalthea.model.findings import Finding
from amalthea.model.plan import Course, Fresh, Plan, decide
from amalthea.model.status.report import Context, as_data, report
from amalthea.model.views import decoding
from amalthea.model.views.objects import ChildView
from amalthea.model.views.observed import ChildKey, Observed
from amalthea.testing import observations
from amalthea.testing.api_server import patches
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.observations import container, pod
from tests import recorded

NOW = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)
_DECODERS: dict[str, Any] = {
    "StatefulSet": decoding.statefulset,
    "Job": decoding.job,
    "Service": decoding.child,
    "Ingress": decoding.child,
    "PersistentVolumeClaim": decoding.claim,
    "Secret": decoding.secret,
}


@dataclass
class World:
    """One session, what it consists of, and the operator's memory of what it wrote."""

    builder: SessionBuilder = field(default_factory=session)
    objects: dict[ChildKey, Manifest] = field(default_factory=dict)
    pods: list[Manifest] = field(default_factory=list)
    status: Manifest = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    """Fingerprints by UID, as they were first seen or last written."""
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    deleting: bool = False
    keeps: frozenset[str] = frozenset()
    """Kinds that the operator may not delete."""

    @classmethod
    def recorded(cls, name: str) -> "World":
        """Return what the Go operator left behind of one of the recorded sessions."""
        left = recorded.load(name)
        builder = SessionBuilder(name, "record", left.uid, raw=left.made["spec"]).with_settings(
            sidecars_image="renku/sidecars:1", oauth2_proxy_image=left.subject().settings.oauth2_proxy_image
        )
        world = cls(builder, dict(left.children), status=left.made["status"])
        if world.workload["kind"] == "StatefulSet" and world.workload["spec"]["replicas"]:
            world.start_pod()
        return world

    @property
    def workload(self) -> Manifest:
        return next(body for (kind, _), body in self.objects.items() if kind in ("StatefulSet", "Job"))

    @property
    def template(self) -> Manifest:
        template: Manifest = self.workload["spec"]["template"]
        return template

    def child(self, kind: str, name: str | None = None) -> Manifest:
        return self.objects[kind, name or self.builder.name]

    def start_pod(self, *statuses: Manifest) -> None:
        """Let the workload's pod come up: ready, where nothing else is said."""
        body = pod(*(statuses or (container(ready=True),)))
        owner = {"kind": self.workload["kind"], "uid": self.workload["metadata"]["uid"], "controller": True}
        body["metadata"] |= {"name": f"{self.builder.name}-0", "ownerReferences": [owner]}
        self.pods = [body]
        ready = all(status["ready"] for status in body["status"]["containerStatuses"])
        known = {"active": 1} if self.workload["kind"] == "Job" else {"readyReplicas": 1} if ready else {}
        self.workload["status"] = known

    def stop_pod(self) -> None:
        self.pods = []
        for kind in ("StatefulSet", "Job"):
            if (workload := self.objects.get((kind, self.builder.name))) is not None:
                workload["status"] = {}

    def edit(self, kind: str, operations: list[Manifest]) -> None:
        """Do what somebody with kubectl does to a child."""
        key = (kind, self.builder.name)
        self._store(key, patches.apply(self.objects[key], operations))

    def observe(self) -> Observed:
        """Return what the operator sees."""
        seen = observations.observed(self.builder, status=self.status, deleting=self.deleting)
        views: dict[ChildKey, ChildView] = {}
        for key, body in self.objects.items():
            view = _DECODERS[key[0]](msgspec.json.encode(body))
            self.written.setdefault(view.metadata.uid, view.fingerprint)
            views[key] = view
        one: dict[str, Any] = {kind: view for (kind, _), view in views.items()}
        job = self.builder.raw.get("sessionType") == "NonInteractive"
        return replace(
            seen,
            workload=one.get("Job" if job else "StatefulSet"),
            service=one.get("Service"),
            ingress=one.get("Ingress"),
            secret=one.get("Secret"),
            claims=tuple(one_ for (kind, _), one_ in views.items() if kind == "PersistentVolumeClaim"),  # type: ignore[misc]
            pods=tuple(map(observations.pod_view, self.pods)),
            edited=frozenset(k for k, view in views.items() if self.written[view.metadata.uid] != view.fingerprint),
        )

    def decide(self) -> tuple[Plan, Changes]:
        """Return what a pass would do."""
        seen = self.observe()
        plan = decide(seen, Fresh(lambda: f"01JDRUN{next(self.numbers):019}"))
        if plan.course in (Course.DELETE, Course.REFUSE):
            return plan, compare(seen, plan, (), PodSpecHash(""))
        subject = replace(self.builder, run_id=plan.run_id).subject()
        stored = seen.secret.data if seen.secret is not None else None
        manifests = children(subject, material_from(stored, Material("a-tunnel-secret", "a-cookie-secret")))
        return plan, compare(seen, plan, manifests, pod_spec_hash(pod_relevant(decoding.raw_spec(seen.session))))

    def step(self) -> Changes:
        """Do a pass: decide, write, report."""
        plan, changes = self.decide()
        for write in changes.writes:
            self._do(write)
        self._report(plan, changes.findings)
        return changes

    def settle(self) -> None:
        """Do passes until there is nothing to write: soon, or something writes forever."""
        for _ in range(3):
            if not self.step().writes:
                return
        raise AssertionError(f"still writes: {self.decide()[1].writes}")

    def _report(self, plan: Plan, findings: tuple[Finding, ...]) -> None:
        seen = self.observe()
        assert seen.spec is not None
        outcome = report(seen, plan, findings, Context(session_url(seen.spec, self.builder.settings), NOW))
        self.status = as_data(msgspec.convert(as_data(outcome.status), Status))

    def _do(self, write: Write) -> None:
        match write:
            case Create(child, manifest):
                assert child not in self.objects
                metadata = {**manifest["metadata"], "uid": f"uid-{next(self.numbers)}"}
                self._store(child, {**manifest, "metadata": metadata}, ours=True)
            case Patch(child, operations):
                self._store(child, patches.apply(self.objects[child], list(operations)), ours=True)
            case Delete(child, otherwise=instead) if child[0] in self.keeps:
                assert instead is not None
                for patch in instead:
                    self._do(patch)
            case Delete(child, uid):
                assert self.objects[child]["metadata"]["uid"] == uid
                del self.objects[child]

    def _store(self, key: ChildKey, body: Manifest, *, ours: bool = False) -> None:
        """Keep an object as the API server does: nulls are absence, and each write is a new version."""
        stored: Manifest = patches.merge({}, body)
        stored["metadata"]["resourceVersion"] = str(next(self.numbers))
        former = self.objects.get(key, {"metadata": {}})
        changed = former.get("spec") != stored.get("spec")
        stored["metadata"]["generation"] = former["metadata"].get("generation", 0) + changed
        self.objects[key] = stored
        view = _DECODERS[key[0]](msgspec.json.encode(stored))
        if ours:
            self.written[view.metadata.uid] = view.fingerprint


def kinds(changes: Changes) -> list[tuple[str, str]]:
    """Return what is done to which kind of child."""
    return [(type(write).__name__.lower(), write.child[0]) for write in changes.writes]


def touches_template(changes: Changes) -> bool:
    """Return whether a pod template is written: whatever runs of it would restart."""
    return any(
        str(operation["path"]).startswith("/spec/template")
        for write in changes.writes
        if isinstance(write, Patch)
        for operation in write.operations
    )


def reasons(world: World) -> dict[str, str]:
    """Return the reason of each condition."""
    return {each["type"]: each["reason"] for each in world.status["conditions"]}


def pending(world: World) -> str | None:
    """Return the reason for which an update waits."""
    return reasons(world).get("UpdatePending")


def running(builder: SessionBuilder) -> World:
    """Return a session that runs."""
    world = World(builder)
    world.settle()
    world.start_pod()
    world.settle()
    return world
