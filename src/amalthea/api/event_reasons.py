"""The reasons of the Events that the operator writes on sessions."""

from enum import StrEnum


class EventReason(StrEnum):
    """The reasons of the Events on a session: one Event at each transition."""

    STARTING = "Starting"
    """A run of the session begins."""
    RUNNING = "Running"
    """The session can be opened."""
    DEGRADED = "Degraded"
    """The session can be opened, but something beside it does not work."""
    NOT_READY = "NotReady"
    """The session was ready, and is not any more."""
    FAILED = "Failed"
    """The session cannot run."""
    SUCCEEDED = "Succeeded"
    """The job ended with success."""
    STOPPING = "Stopping"
    """The session is being paused."""
    HIBERNATED = "Hibernated"
    """The session is paused."""
    DELETING = "Deleting"
    """The session is being deleted."""
    STOPPING_SOON = "StoppingSoon"
    """The session is about to be paused automatically."""
    DELETING_SOON = "DeletingSoon"
    """The session is about to be deleted automatically."""
    EXPIRED = "Expired"
    """The session was deleted automatically."""
