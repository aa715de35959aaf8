"""The Job of a NonInteractive session: one pod that runs to its end, once."""

import math
from datetime import timedelta

from amalthea.api import durations
from amalthea.api.schema import Manifest
from amalthea.api.types import Culling
from amalthea.children.pod import pod
from amalthea.children.shared import meta
from amalthea.children.shared.snippets import compact
from amalthea.children.shared.subject import Subject


def job(subject: Subject) -> Manifest:
    """Return the Job. Raises ValueError if maxAge is no duration: validated specs have none such."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta.workload(subject),
        "spec": compact(
            {
                "parallelism": 1,
                "completions": 1,
                "backoffLimit": 0,
                "activeDeadlineSeconds": _deadline(subject.spec.culling),
                "suspend": subject.spec.hibernated,
                "template": pod.template(subject),
            }
        ),
    }


def _deadline(culling: Culling | None) -> int | None:
    """Return maxAge in whole seconds, a part of one counted as one; None for no limit."""
    if culling is None or culling.max_age is None:
        return None
    seconds = math.ceil(durations.parse(culling.max_age) / timedelta(seconds=1))
    return seconds if seconds > 0 else None
