"""The input of the advice: a session, the container that its trouble is about, and commands that work for it."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from amalthea.api import names, quantities
from amalthea.api.reasons import ConditionType, Failure
from amalthea.api.schema import Manifest
from amalthea.api.types import RUNNING_STATES
from amalthea.cli.explanation import Advice, Coming
from amalthea.cli.read.snapshot import ContainerDetails, SessionSnapshot
from amalthea.model.views.observed import Observed

_MEBIBYTE = Decimal(2**20)
_NOT_REACHED = "A change of its spec is not applied (reconcileStrategy never): create a new session."
_NOT_AGAIN = "A job that has ended does not run again: create a new session."
_NO_LOG = {Failure.NODE_LOST, Failure.EVICTED, Failure.POD_STOPPED}
"""Nobody is there any more who could show a log."""


@dataclass(frozen=True)
class Situation:
    """The facts that advice depends on."""

    known: SessionSnapshot
    kubectl: str
    """The command with the flags that lead to the session's namespace."""
    coming: tuple[Coming, ...]
    now: datetime

    @property
    def observed(self) -> Observed:
        """The observed session."""
        return self.known.observed

    @property
    def name(self) -> str:
        """The session's name."""
        return self.observed.name

    @property
    def codes(self) -> tuple[str, ...]:
        """The problems as stable words of the conditions that report them; also past ones that may recur."""
        kinds = (ConditionType.ACCEPTED, ConditionType.CHILDREN_IN_PLACE, ConditionType.HEALTHY)
        found = (self.observed.session.status.condition(kind) for kind in kinds)
        reasons = [each.reason or "" for each in found if each is not None and each.status == "False"]
        return tuple(dict.fromkeys((*reasons, *([Failure.OUT_OF_MEMORY] if self._ran_out_of_memory else ()))))

    @property
    def container(self) -> ContainerDetails | None:
        """The container that the trouble is about: the one that its sentence names, else the first that is down."""
        healthy = self.observed.session.status.condition(ConditionType.HEALTHY)
        said = f"{healthy.message if healthy is not None else ''} {self.observed.session.status.error}"
        containers = self.known.containers
        named = (each for each in containers if re.search(rf"(?<![\w-]){re.escape(each.name)}(?![\w-])", said))
        down = (each for each in containers if each.down)
        return next(named, None) or next(down, None) or self.known.session_container

    @property
    def of_the_operator(self) -> bool:
        """Return whether the operator adds that container by itself."""
        spec, container = self.observed.spec, self.container
        if spec is None or container is None:
            return False
        given = [each.get("name") for each in (*(spec.extra_containers or ()), *(spec.init_containers or ()))]
        return container.name not in (names.CONTAINER_SESSION, *given)

    @property
    def more_memory(self) -> str:
        """Twice the memory that the session may use now, or a word to replace."""
        spec = self.observed.spec
        limits = ((spec.session.resources or {}) if spec is not None else {}).get("limits") or {}
        try:
            return f"{max(int(quantities.parse(limits['memory']) * 2 / _MEBIBYTE), 1)}Mi"
        except (KeyError, ValueError):
            return "MEMORY"

    @property
    def edit(self) -> str:
        """The command that opens the session's description in an editor."""
        return f"{self.kubectl} edit ams {self.name}"

    def patch(self, spec: Manifest) -> str:
        """Return the command that changes the session's description."""
        patch = shlex.quote(json.dumps({"spec": spec}))
        return f"{self.kubectl} patch ams {self.name} --type merge -p {patch}"

    def change(self, text: str, spec: Manifest | None = None) -> Advice:
        """Advise to change the description, of the pod at least, and say when the change takes effect."""
        command, what = self.edit if spec is None else self.patch(spec), text.rstrip(":.")
        strategy = self.observed.spec.reconcile_strategy if self.observed.spec is not None else "always"
        if self.observed.ended:
            return Advice(text=f"{what}. {_NOT_AGAIN}")
        if strategy == "never":
            return Advice(text=f"{what}. {_NOT_REACHED}")
        if self.observed.session.status.state == "Failed" or self.observed.hibernated:
            return Advice(text=f"{what}:", command=command)
        if strategy != "always" or not self.observed.interactive:
            return Advice(text=f"{what} (that takes effect at its next start: pause and resume it):", command=command)
        restarts = (
            " (that restarts it: save your work first)" if self.observed.session.status.state in RUNNING_STATES else ""
        )
        return Advice(text=f"{what}{restarts}:", command=command)

    def log(self, container: ContainerDetails | None) -> Iterator[Advice]:
        """Advise to read the log of a container, if there is one."""
        pod = self.known.pod
        if pod is None or container is None or _NO_LOG.intersection(self.codes):
            return
        if container.state.waiting is not None and container.ended is None:
            return
        whose = "its log" if container.name == names.CONTAINER_SESSION else f"the log of {container.name}"
        previous = " --previous" if container.state.waiting is not None else ""
        command = f"{self.kubectl} logs {pod.metadata.name} -c {container.name}{previous}"
        yield Advice(text=f"Read {whose}:", command=command)

    @property
    def _ran_out_of_memory(self) -> bool:
        container = self.known.session_container
        return container is not None and container.ended is not None and container.ended.reason == "OOMKilled"
