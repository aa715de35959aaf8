"""All that is known about one session at one moment: the input of `decide` and `report`. Frozen."""

from dataclasses import dataclass, field
from datetime import datetime

from msgspec import structs

from amalthea.api import names
from amalthea.api.types import Spec
from amalthea.model.views import adoption, decoding
from amalthea.model.views.door import Door
from amalthea.model.views.events import EventView
from amalthea.model.views.objects import ChildView, ClaimView, SecretView, SessionView, WorkloadView
from amalthea.model.views.pods import PodView
from amalthea.model.views.remote_job import RemoteJob
from amalthea.model.views.usage import Usage

ChildKey = tuple[str, str]
"""Kind and name of a child, such as ("Service", "demo")."""


@dataclass(frozen=True)
class Observed:
    """A session with its objects. A child that is absent was looked for and does not exist."""

    session: SessionView
    spec: Spec | None
    """None if it cannot be read: `spec_error` says why."""
    spec_error: str = ""
    workload: WorkloadView | None = None
    service: ChildView | None = None
    ingress: ChildView | None = None
    secret: SecretView | None = None
    claims: tuple[ClaimView, ...] = ()
    pods: tuple[PodView, ...] = ()
    unheard: frozenset[str] = frozenset()
    """Kinds of which nothing was heard for minutes: that an object is not seen does not mean that it is not there."""
    clocks_differ: bool = False
    """Whether it is not known what time it is: this node's clock and the API server's are too far apart."""
    former_pod: PodView | None = None
    """A pod that Kubernetes stopped and that is gone, if that has not been reported yet."""
    claim_leaves: bool = False
    """True if the claim that the session runs on was made beforehand by its user, and somebody deleted it."""
    usage: Usage | None = None
    """The last measured usage of the session's container; None if that is not known."""
    idle_from: datetime | None = None
    """The earliest moment that its idle time may begin at: nobody watched before. None: it was watched all the time."""
    door: Door | None = None
    """The proxy in front of it; None if it has none, or none that is to be asked."""
    remote_job: RemoteJob | None = None
    """Its job on another machine; None if it has none, or nobody is to be asked about it."""
    events: tuple[EventView, ...] | None = None
    """The Events on its objects; None as long as nobody has asked: `which_events.py`."""
    edited: frozenset[ChildKey] = field(default_factory=frozenset)
    """Children whose owned section was changed by somebody else since we wrote or checked it."""

    operators_account: str | None = None
    """Name of the operator's service account, if that is one of the session's namespace."""

    @property
    def name(self) -> str:
        """The session's name."""
        return self.session.metadata.name

    @property
    def deleting(self) -> bool:
        """Return whether the session is being deleted."""
        return self.session.metadata.deletion_timestamp is not None

    @property
    def interactive(self) -> bool:
        """Return whether the session is opened in a browser; true also where the spec cannot be read."""
        return self.spec is None or self.spec.session_type == "Interactive"

    @property
    def remote(self) -> bool:
        """Return whether its program runs on another machine."""
        return self.spec is not None and self.spec.location == "remote"

    @property
    def hibernated(self) -> bool:
        """Return whether the user wants the session paused, unless it is a batch job that has run to its end."""
        if self.spec is None:
            return decoding.wants_hibernation(self.session)
        return self.spec.hibernated and not self.ended

    @property
    def ended(self) -> bool:
        """Return whether a batch job has run to its end: by the Job itself, or by the session's recorded status.

        A job's end is recorded as state Succeeded, or as idleSince: a job can be Failed without having ended, if its
        image cannot be pulled or a quota leaves no room for it. The record counts also while the Job is there: its own
        word comes after its pod's, and never if somebody deletes it in between. Not so on another machine: there the
        Job's pod goes on when the work is done, and a pause has to end it.
        """
        if self.interactive:
            return False
        status, job = self.session.status, self.own_workload
        if job is not None and (job.finished or self.remote):
            return job.finished
        return status.state == "Succeeded" or status.idle_since is not None

    @property
    def own_workload(self) -> WorkloadView | None:
        """The workload, if it is this session's."""
        return self.workload if self.workload is not None and self.owns(self.workload) else None

    @property
    def held_down(self) -> bool:
        """Return whether somebody else stopped the pod of a session that is to run: a queue, a downscaler, or an admin.

        We left the workload with a pod, by our record on it, and nobody has paused the session since.
        """
        workload, status = self.own_workload, self.session.status
        return (
            not (self.deleting or self.hibernated or self.ended)
            and workload is not None
            and not workload.awake
            and workload.left_awake
            and status.state != "Hibernated"
        )

    @property
    def pod_unseen(self) -> bool:
        """Return whether the session's workload counts a pod that is not seen: it need not be gone."""
        workload = self.own_workload
        return workload is not None and workload.has_pods and not self.pods

    @property
    def pod(self) -> PodView | None:
        """The pod of the session's own workload: the one that is not going away, else the one that is."""
        workload = self.own_workload
        if workload is None:
            return None
        own = (pod for pod in self.pods if pod.metadata.belongs_to(workload.metadata.uid))
        return min((_of_its_run(pod, workload) for pod in own), key=lambda pod: pod.leaving, default=None)

    def owns(self, child: ChildView) -> bool:
        """Return whether a child is this session's: it is controlled by it (by UID: names are reused), or by nobody.

        A restore from a backup and a deletion that orphans leave children without a controller. Our labels show whose
        they are.
        """
        if child.metadata.controller is not None:
            return child.metadata.belongs_to(self.session.metadata.uid)
        return names.selector_labels(self.name).items() <= child.metadata.labels.items()

    def left_behind(self, child: ChildView) -> bool:
        """Return whether a child is of a former session of the same name: the garbage collector will delete it."""
        owner = child.metadata.controller
        former = owner is not None and (owner.kind, owner.name) == (names.KIND, self.name)
        return former and not self.owns(child)

    def child(self, key: ChildKey) -> ChildView | None:
        """Return the child of that kind and name."""
        kind, name = key
        if kind == "PersistentVolumeClaim":
            return next((claim for claim in self.claims if claim.metadata.name == name), None)
        single: dict[str, ChildView | None] = {
            "Service": self.service,
            "Ingress": self.ingress,
            "Secret": self.secret,
            "StatefulSet": self.workload,
            "Job": self.workload,
        }
        return single[kind]

    @property
    def blind(self) -> bool:
        """Return whether what is known of the session, its workload, its pod or its claims is too old to act upon."""
        workload = "StatefulSet" if self.interactive else "Job"
        return not self.unheard.isdisjoint((names.KIND, workload, "Pod", "PersistentVolumeClaim"))

    @property
    def files_at_risk(self) -> bool:
        """Return whether somebody deleted the claim of the user's files, which exist only as long as the pod runs."""
        workload, own = self.own_workload, (claim for claim in self.claims if claim.metadata.name == self.name)
        leaving = any(
            claim.metadata.deletion_timestamp is not None and self.owns(claim) and not claim.pending for claim in own
        )
        runs = workload is not None and workload.awake and not workload.finished
        return (leaving or self.claim_leaves) and runs

    @property
    def adopted_secrets(self) -> tuple[str, ...]:
        """Names of the secrets that are deleted with the session; known even if its spec cannot be read."""
        return adoption.adopted_secrets(decoding.raw_spec(self.session))

    @property
    def has_finalizer(self) -> bool:
        """Return whether our finalizer holds the session until its secrets are deleted."""
        return names.FINALIZER in self.session.metadata.finalizers


def _of_its_run(pod: PodView, workload: WorkloadView) -> PodView:
    """Return a pod, marked if it is of a former run: Kubernetes will replace it, which may take a while."""
    runs = (pod.run_id, workload.template_run_id)
    return structs.replace(pod, superseded=True) if None not in runs and runs[0] != runs[1] else pod
