"""The input of every builder: the session as far as its children depend on it. Nothing here does I/O or is random."""

from dataclasses import dataclass

from amalthea.api.types import Spec
from amalthea.model.views.observed import Observed
from amalthea.settings import BuildSettings


@dataclass(frozen=True)
class Subject:
    """A session whose children are built."""

    namespace: str
    name: str
    uid: str
    spec: Spec
    settings: BuildSettings
    run_id: str | None = None
    """The current run's ULID; None while hibernated and before the first run."""

    @property
    def interactive(self) -> bool:
        """Return whether the session is opened in a browser (else it is a batch job)."""
        return self.spec.session_type == "Interactive"

    @property
    def remote(self) -> bool:
        """Return whether the session runs on another machine."""
        return self.spec.location == "remote"


def subject_of(observed: Observed, run_id: str | None, settings: BuildSettings) -> Subject:
    """Return the builders' input for a session with a valid spec."""
    assert observed.spec is not None
    metadata = observed.session.metadata
    return Subject(metadata.namespace, metadata.name, metadata.uid, observed.spec, settings, run_id)
