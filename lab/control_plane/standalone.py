"""The profiles without containers: a control plane alone, or with fake nodes, that outlives the command.

`lab.node.node` and `lab.kind.cluster` are the others; `lab.cluster.profiles` chooses.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.base import state
from lab.base.process import Daemons
from lab.base.progress import Progress
from lab.base.state import Profile
from lab.control_plane import kwok, storage
from lab.control_plane.control_plane import ControlPlane
from lab.control_plane.flags import Settings

STOP_GRACE = 5.0


@dataclass(frozen=True)
class Standalone:
    """One of these profiles; without fake nodes if `nodes` is 0."""

    profile: Profile
    nodes: int = 0

    def up(self, progress: Progress) -> None:
        """Start it, unless it is up; what a crashed `up` has left is cleared away first."""
        if self.is_up():
            progress.say(f"{self.profile} is already up")
            return
        self._clear()
        settings = kwok.settings(outlive=True) if self.nodes else Settings(controller_manager=True, outlive=True)
        control_plane = ControlPlane(self._folder, settings, progress)
        with progress.step("Starting the control plane"):
            control_plane.start()
            storage.add_storage_class(control_plane.api)
        if self.nodes:
            with progress.step(f"Starting {self.nodes} fake nodes"):
                kwok.FakeNodes(control_plane, self.nodes, progress).start()
        self._mark.touch()

    def down(self, progress: Progress) -> None:
        """Stop it, and remove everything that it has left, also after a crash."""
        with progress.step(f"Stopping {self.profile}"):
            self._clear()

    def status(self) -> list[str]:
        """Return the lines to show besides the list of programs."""
        return [] if self.is_up() else [f"Not complete. `python -m lab up --profile {self.profile}` mends it."]

    def is_up(self) -> bool:
        """Return whether the last `up` came to its end and all programs still run."""
        daemons = Daemons(self._folder, outlive=True)
        return self._mark.exists() and len(daemons.running()) == len(daemons.recorded())

    @property
    def _folder(self) -> Path:
        return state.folder(self.profile)

    @property
    def _mark(self) -> Path:
        return self._folder / "complete"

    def _clear(self) -> None:
        if state.kubeconfig(self.profile).exists():
            storage.remove_volumes(state.kubeconfig(self.profile))
        Daemons(self._folder, outlive=True).stop_all(STOP_GRACE)
        shutil.rmtree(self._folder, ignore_errors=True)
