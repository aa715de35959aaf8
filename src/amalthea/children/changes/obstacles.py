"""Findings for an object in a child's place: somebody else's, or one that is still being deleted."""

from amalthea.api.reasons import ConditionType, Reason
from amalthea.model.findings import Finding
from amalthea.model.views.observed import ChildKey

_CLAIM = "PersistentVolumeClaim"


def name_taken(key: ChildKey) -> Finding:
    """Return the finding for an object of a child's name that is somebody else's. A claim may hold their files."""
    kind, name = key
    remedy = "Create" if kind == _CLAIM else "Delete it, or create"
    return Finding(
        ConditionType.CHILDREN_IN_PLACE,
        Reason.NAME_TAKEN,
        f"The name {name} is taken: the {kind} of that name belongs to somebody else and is left alone. "
        f"{remedy} the session under another name.",
        fatal=True,
    )


def made_beforehand(key: ChildKey) -> Finding:
    """Return the finding for a claim that a user created: it is used as it is, which is not a problem."""
    _, name = key
    return Finding(
        ConditionType.CHILDREN_IN_PLACE,
        Reason.MADE_BEFOREHAND,
        f"The PersistentVolumeClaim {name} existed before the session: the session uses it as it is, and it remains "
        "when the session is deleted.",
        harmless=True,
    )


def terminating(key: ChildKey) -> Finding:
    """Return the finding for a former object of a child's name that is still being deleted."""
    kind, name = key
    return Finding(
        ConditionType.CHILDREN_IN_PLACE,
        Reason.TERMINATING,
        f"A former {kind} named {name} is still being deleted; the session waits for it to go.",
    )


def files_at_risk(child: ChildKey) -> Finding:
    """Return the finding for the claim of the user's files that somebody deleted while the session runs."""
    _, name = child
    return Finding(
        ConditionType.CHILDREN_IN_PLACE,
        Reason.TERMINATING,
        f"Somebody deleted the PersistentVolumeClaim {name}: the files on it are lost as soon as this session "
        "stops. Copy what you need elsewhere now. Until then the session is not paused automatically.",
    )


def awaits(pod: str) -> Finding:
    """Return the finding for a job that is not started until a pod of its former run is gone."""
    present = f"The pod {pod} of the job's former run is" if pod else "A pod of the job's former run may be"
    return Finding(
        ConditionType.CHILDREN_IN_PLACE,
        Reason.TERMINATING,
        f"{present} still there; the next run starts when it is gone, so that no two write to one volume. If it does "
        "not stop, delete it.",
    )
