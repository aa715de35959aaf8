"""What to tell of the API server's answers to writes that failed: sentences that stay the same from attempt to attempt.

Each new text would be a write of the status. So what differs between attempts (ports, times) is left out.
"""

import re

from amalthea.api.reasons import ConditionType, Reason
from amalthea.engine.ports import Stale
from amalthea.kube.errors import UNREADABLE, ApiError, Forbidden, denied
from amalthea.model.findings import Finding
from amalthea.model.views.observed import ChildKey

CLAIM = "PersistentVolumeClaim"

_WEBHOOK = re.compile(r'webhook "([^"]{1,253})"')


def unavailable(what: str, error: ApiError | Stale) -> Finding:
    """Return what to tell of a write that another attempt may cure; `what` is the object, such as "Ingress demo"."""
    if isinstance(error, Forbidden) and error.kind_unknown:
        return Finding(
            ConditionType.CHILDREN_IN_PLACE,
            Reason.KIND_UNKNOWN,
            "Sessions were installed in this cluster a moment ago, and the API server does not take their objects yet. "
            "That takes up to half a minute; it is tried again all the time.",
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
        return f'the webhook "{webhook[1]}" of the cluster, which has to be asked, fails'
    if not error.status:
        foreign = error.reason == UNREADABLE
        return "something else than the API server answered" if foreign else "the API server did not answer"
    return f"the API server answered {error.status} {error.reason}".rstrip()


def forbidden(child: ChildKey, error: Forbidden) -> Finding | None:
    """Return what to tell of a write that is not allowed; nothing in a namespace that goes."""
    kind, name = child
    if error.reason == "NamespaceTerminating" or "is being terminated" in error.message:
        return None
    if error.quota_exceeded:
        return Finding(
            ConditionType.CHILDREN_IN_PLACE,
            Reason.QUOTA_EXCEEDED,
            f"The {kind} {name} does not fit into a quota of the namespace: {error.message}. "
            "Delete what you no longer need, or ask for more.",
            fatal=True,
        )
    return refused(child, error.message)


def kept(claim: str, error: Forbidden) -> Finding:
    """Return what to tell of a claim that should give place to the next one and may not be deleted."""
    return Finding(
        ConditionType.CHILDREN_IN_PLACE,
        Reason.REFUSED,
        f"The claim {claim} is not as the spec wants it, and the operator may not delete it to make it anew: "
        f"{error.message}. Ask your administrator to grant the operator delete on persistentvolumeclaims.",
        fatal=True,
    )


def refused(child: ChildKey, message: str) -> Finding:
    """Return what to tell of a write that another attempt does not cure."""
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
        f"The API server refused the {kind} {name}: {message}",
        fatal=True,
    )
