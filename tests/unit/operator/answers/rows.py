"""The requests of the operator, and what makes it send each of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from amalthea.api.schema import Manifest
from amalthea.testing.api_server.verbs import Wanted
from amalthea.testing.builders import SessionBuilder, session
from tests.support.controllers import KINDS, METRICS

Change = Callable[[Manifest], Manifest]
"""What a user does to a session: returns it as they want it."""


@dataclass(frozen=True)
class Row:
    """A request, and how a session comes to need it."""

    name: str
    takes: Callable[[Wanted, Manifest], bool]
    """Whether a request, and its body, is the one."""
    session: SessionBuilder
    change: Change | None = None
    """What the user does when the trouble has begun; None: the session is created then."""
    deleted: bool = False
    """Whether the user deletes the session when the trouble has begun."""
    before: Change | None = None
    """What the user does a minute before the trouble begins."""
    hangs_up: bool = False
    """Whether all watches end when the trouble begins."""
    starts: bool = False
    """Whether another operator takes over when the trouble begins."""
    pods: bool = True
    """Whether pods come: what keeps them away is told in Events."""
    counted: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """Metrics, with their labels, one of which counts the trouble: it is on alerts that the log is read."""
    elects: bool = False
    """Whether the operator acts only while it has the Lease, which it asks for every two seconds."""
    may_leave: str = ""
    """An object that may stay, or be different, for longer than two minutes, as `Kind name`, ..."""
    after: tuple[str, ...] = ()
    """... after answers that begin so."""
    promises: frozenset[str] = field(default_factory=lambda: frozenset({"limits", "deletion"}))
    """What a session has to obey all the while: its limits, and its deletion by the user."""


PLAIN = session("demo").with_ingress().with_spec(reconcileStrategy="always")
ADOPTING = PLAIN.with_spec(imagePullSecrets=[{"name": "pull", "adopt": True}])
JOB = session("demo").as_job().with_spec(reconcileStrategy="always")
SOURCE = PLAIN.with_data_source("/data", "source")


def pause(held: Manifest) -> Manifest:
    return {**held, "spec": {**held["spec"], "hibernated": True}}


def label(held: Manifest) -> Manifest:
    return {**held, "spec": {**held["spec"], "template": {"metadata": {"labels": {"team": "blue"}}}}}


def grow(held: Manifest) -> Manifest:
    spec = held["spec"]
    return {**held, "spec": {**spec, "session": {**spec["session"], "storage": {"size": "2Gi"}}}}


def another_port(held: Manifest) -> Manifest:
    spec = held["spec"]
    return {**held, "spec": {**spec, "session": {**spec["session"], "port": 9000}}}


def without_source(held: Manifest) -> Manifest:
    return pause({**held, "spec": {**held["spec"], "dataSources": []}})


def resume_elsewhere(held: Manifest) -> Manifest:
    """Resume with another port: a job cannot change, so it is recreated."""
    return another_port({**held, "spec": {**held["spec"], "hibernated": False}})


def adopt(held: Manifest) -> Manifest:
    return {**held, "spec": {**held["spec"], "imagePullSecrets": [{"name": "pull", "adopt": True}]}}


def limit_age(held: Manifest) -> Manifest:
    return {**held, "spec": {**held["spec"], "culling": {"maxAge": "3m"}}}


def limit_sleep(held: Manifest) -> Manifest:
    return pause({**held, "spec": {**held["spec"], "culling": {"maxHibernatedDuration": "1m"}}})


def of_path(verb: str, path: str) -> Callable[[Wanted, Manifest], bool]:
    """Return the check whether a request is of a verb, and of a kind that is not a session's."""
    return lambda request, _: (request.verb, request.kind) == (verb, path)


def of(verb: str, kind: str, subresource: str = "", part: str = "") -> Callable[[Wanted, Manifest], bool]:
    """Return the check whether a request is of a verb and kind; `part` occurs in its body."""

    def takes(request: Wanted, body: Manifest) -> bool:
        asked = (request.verb, request.kind, request.subresource)
        return asked == (verb, KINDS[kind], subresource) and part in msgspec.json.encode(body).decode()

    return takes


CLAIM = "PersistentVolumeClaim"
DELETION = frozenset({"deletion"})
NOTHING: frozenset[str] = frozenset()
OWN = "AmaltheaSession"
PASSES = tuple(("amalthea_reconciles_total", (("outcome", outcome),)) for outcome in ("error", "conflict"))
WATCHED_IDLE = PLAIN.with_spec(culling={"maxIdleDuration": "1h"})

LEASES = "coordination.k8s.io/v1/leases"


def _broken(kind: str) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    return (("amalthea_watch_failures_total", (("kind", KINDS[kind].rpartition("/")[2]),)),)


ROWS = (
    *(Row(f"create {kind}", of("create", kind), PLAIN) for kind in ("StatefulSet", "Service", "Ingress", CLAIM)),
    Row("create Secret", of("create", "Secret"), PLAIN.remote()),
    Row("create Job", of("create", "Job"), JOB, promises=DELETION),
    Row("patch StatefulSet", of("patch", "StatefulSet"), PLAIN, pause),
    Row("patch Job", of("patch", "Job"), JOB, pause, promises=DELETION),
    Row("patch Service", of("patch", "Service"), PLAIN, another_port),
    Row("patch Ingress", of("patch", "Ingress"), PLAIN, label),
    Row(f"patch {CLAIM}", of("patch", CLAIM), PLAIN, grow),
    Row("patch Secret", of("patch", "Secret"), PLAIN.remote(), label),
    Row("delete Ingress", of("delete", "Ingress"), PLAIN, pause),
    Row(
        f"delete {CLAIM}",
        of("delete", CLAIM),
        SOURCE,
        without_source,
        may_leave=f"{CLAIM} amalthea-demo-ds-0",
        after=("403, a right",),
    ),
    Row(
        "delete Job",
        of("delete", "Job"),
        JOB,
        resume_elsewhere,
        before=pause,
        may_leave=f"{OWN} demo",  # which tells that the job runs as it was
        after=("403, a right",),
        promises=DELETION,
    ),
    Row("write the status", of("patch", OWN, "status"), PLAIN, counted=PASSES),
    Row("set the finalizer", of("patch", OWN, part="finalizers"), PLAIN, adopt),
    Row("lift the finalizer", of("patch", OWN, part="finalizers"), ADOPTING, deleted=True, promises=NOTHING),
    Row(
        "delete an adopted Secret",
        of("delete", "Secret"),
        ADOPTING,
        deleted=True,
        may_leave="Secret pull-demo",
        after=("400", "403", "404, a webhook", "413", "422"),
        promises=NOTHING,
    ),
    Row("pause a session", of("patch", OWN, part="hibernated"), PLAIN, limit_age, promises=DELETION),
    Row("delete a session", of("delete", OWN), PLAIN, limit_sleep, promises=NOTHING),
    Row("create Event", of("create", "Event"), PLAIN),
    *(
        Row(f"watch {kind}", of("watch", kind), PLAIN, pause, hangs_up=True, promises=NOTHING, counted=_broken(kind))
        for kind in (OWN, "Pod", "Ingress")
    ),
    *(
        Row(
            f"list {kind} at the start",
            of("list", kind),
            PLAIN,
            pause,
            starts=True,
            promises=NOTHING,
            counted=_broken(kind),
        )
        for kind in (OWN, "Pod")
    ),
    Row("list Events", of("list", "Event"), PLAIN, pods=False),
    Row("list the metrics of pods", of_path("list", METRICS), WATCHED_IDLE),
    *(
        Row(
            f"{words} the Lease",
            of_path(verb, LEASES),
            PLAIN,
            pause,
            promises=NOTHING,
            elects=True,
            starts=verb == "get",
        )
        for words, verb in (("read", "get"), ("renew", "patch"))
    ),
)
