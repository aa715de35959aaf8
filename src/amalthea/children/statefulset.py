"""The StatefulSet of an interactive session: one pod, or none while it is hibernated."""

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.pod import pod
from amalthea.children.shared import meta
from amalthea.children.shared.subject import Subject


def statefulset(subject: Subject) -> Manifest:
    """Return the StatefulSet."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta.workload(subject),
        "spec": {
            # Cannot be changed, and is empty on every StatefulSet that the Go operator left behind.
            "serviceName": "",
            "replicas": 0 if subject.spec.hibernated else 1,
            # Else a pod that never became ready would be waited for before a changed template replaces it.
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": names.selector_labels(subject.name)},
            "template": pod.template(subject),
        },
    }
