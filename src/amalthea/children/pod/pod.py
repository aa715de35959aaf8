"""The pod template of a session, put together from the other modules here that make its containers and volumes."""

from amalthea.api.schema import Manifest
from amalthea.api.types import Spec
from amalthea.children.pod import auth, clone, env, remote, session_container, volumes
from amalthea.children.pod.fitting import fitted
from amalthea.children.shared import meta
from amalthea.children.shared.snippets import compact
from amalthea.children.shared.subject import Subject

_REMOTE_GRACE_SECONDS = 60
"""The seconds that the controller of a remote session may take to cancel what runs on the other machine."""


def template(subject: Subject) -> Manifest:
    """Return the pod template of the session's StatefulSet or Job."""
    return {"metadata": meta.pod(subject), "spec": fitted(subject, _pod(subject))}


def scheduling_fields(spec: Spec) -> Manifest:
    """Return the fields that decide on which node the pod runs, as in the pod's spec; what is not asked for is absent.

    These are written also where the session's strategy forbids other changes.
    """
    return compact(
        {
            "tolerations": spec.tolerations,
            "affinity": spec.affinity,
            "nodeSelector": spec.node_selector,
            "priorityClassName": spec.priority_class_name,
        }
    )


def _pod(subject: Subject) -> Manifest:
    spec = subject.spec
    return compact(
        {
            "initContainers": [
                *auth.sidecars(subject),
                *clone.containers(subject),
                *map(env.container, spec.init_containers or ()),
            ],
            "containers": _containers(subject),
            "volumes": _volumes(subject),
            "restartPolicy": None if subject.interactive else "Never",
            "terminationGracePeriodSeconds": _REMOTE_GRACE_SECONDS if subject.remote else None,
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "serviceAccountName": spec.service_account_name,
            "serviceAccount": spec.service_account_name if subject.settings.openshift else None,
            # Else the kubelet makes every file on the volume writable for the group at each start: ssh then refuses its
            # keys, and a million files take minutes.
            "securityContext": {"fsGroup": spec.session.run_as_group, "fsGroupChangePolicy": "OnRootMismatch"},
            "imagePullSecrets": [{"name": secret.name} for secret in spec.image_pull_secrets or ()],
            **scheduling_fields(spec),
        }
    )


def _containers(subject: Subject) -> list[Manifest]:
    return [
        remote.container(subject) if subject.remote else session_container.container(subject),
        *auth.containers(subject),
        *([remote.tunnel(subject)] if subject.remote else ()),
        *map(env.container, subject.spec.extra_containers or ()),
    ]


def _volumes(subject: Subject) -> list[Manifest]:
    return [
        *volumes.session_volumes(subject),
        *clone.volumes(subject),
        *(subject.spec.extra_volumes or ()),
        *volumes.data_source_volumes(subject),
        *auth.volumes(subject),
    ]
