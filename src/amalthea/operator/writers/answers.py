"""Findings for failed writes, from the API server's answers: sentences that stay the same from attempt to attempt.

Each new text would be a write of the status. So what differs between attempts (ports, times) is left out.
"""

import re

from amalthea.api import names
from amalthea.api.reasons import ConditionType, Reason
from amalthea.engine.ports import Stale
from amalthea.kube.errors import UNREADABLE, ApiError, Forbidden, denied
from amalthea.model.findings import Finding
from amalthea.model.views.observed import ChildKey

CLAIM = "PersistentVolumeClaim"

_WEBHOOK = re.compile(r'webhook "([^"]{1,253})"')


def unavailable(what: str, error: ApiError | Stale) -> Finding:
    """Return the finding for a write that another attempt may cure; `what` is the object, such as "Ingress demo"."""
    if isinstance(error, Forbidden) and error.kind_unknown:
        return Finding(
            ConditionType.CHILDREN_IN_PLACE,
            Reason.KIND_UNKNOWN,
            "Sessions were installed in this cluster a moment ago, and the API server does not accept them yet. "
            "That takes up to half a minute; the operator keeps trying.",
        )
    return Finding(
        ConditionType.CHILDREN_IN_PLACE,
        Reason.UNAVAILABLE,
        f"The {what} could not be written: {_why(error)}. It is tried again; if this lasts, tell your administrator.",
    )


def _why(error: ApiError | Stale) -> str:
    if not isinstance(error, ApiError):
        return str(error)
    if (webhook := _WEBHOOK.search(error.message)) is not None:
        if denied(error.message):
            return f"the {error.message}"
        return f'the webhook "{webhook[1]}" of the cluster, which must be called, fails'
    if not error.status:
        foreign = error.reason == UNREADABLE
        return "something else than the API server answered" if foreign else "the API server did not answer"
    return f"the API server answered {error.status} {error.reason}".rstrip()


def forbidden(child: ChildKey, error: Forbidden) -> Finding | None:
    """Return the finding for a write that is not allowed; None in a namespace that is being deleted."""
    kind, name = child
    if error.terminating:
        return None
    if error.quota_exceeded:
        return Finding(
            ConditionType.CHILDREN_IN_PLACE,
            Reason.QUOTA_EXCEEDED,
            f"The {kind} {name} does not fit into a quota of the namespace: {error.message}. "
            f"Delete what you no longer need, {_smaller(child)}or ask for more.",
            fatal=True,
        )
    return refused(child, error.message)


def _smaller(child: ChildKey) -> str:
    """Return the remedy for a session's own volume, whose size its user chooses."""
    kind, name = child
    return "lower spec.session.storage.size, " if kind == CLAIM and not names.is_data_source_claim(name) else ""


def kept(claim: str, error: Forbidden) -> Finding:
    """Return the finding for a claim that should be replaced and may not be deleted."""
    return Finding(
        ConditionType.CHILDREN_IN_PLACE,
        Reason.REFUSED,
        f"The claim {claim} differs from the spec, and the operator may not delete it to create it again: "
        f"{error.message}. Ask your administrator to grant the operator delete on persistentvolumeclaims.",
        fatal=True,
    )


def refused(child: ChildKey, message: str) -> Finding:
    """Return the finding for a write that another attempt does not cure."""
    kind, name = child
    if kind == CLAIM and ("resize" in message or "expan" in message):
        return Finding(
            ConditionType.STORAGE_SIZED,
            Reason.EXPANSION_REFUSED,
            f"The volume {name} cannot grow: {message}",
        )
    return Finding(
        ConditionType.CHILDREN_IN_PLACE,
        Reason.REFUSED,
        f"The API server refused the {kind} {name}: {message}{_size_to_change(child, message)}",
        fatal=True,
    )


def _size_to_change(child: ChildKey, message: str) -> str:
    """Return the remedy for a LimitRange of volumes, which gives the lowest or highest size in these words."""
    ranged = "storage usage per PersistentVolumeClaim" in message and _smaller(child)
    return ". Change spec.session.storage.size." if ranged else ""
