"""The container that the user works in, in this cluster. Sessions elsewhere: `remote.py`."""

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import SessionContainer
from amalthea.children.pod import env, images, volumes
from amalthea.children.shared.snippets import NO_CAPABILITIES, compact, http_get, readiness_probe, tcp_socket
from amalthea.children.shared.subject import Subject
from amalthea.children.shared.url import opened_at


def container(subject: Subject) -> Manifest:
    """Return the session container. It names no ports: another container may be the one that serves them."""
    session = subject.spec.session
    return compact(
        {
            "name": names.CONTAINER_SESSION,
            "image": images.of_the_session(subject),
            "imagePullPolicy": session.image_pull_policy,
            "command": session.command,
            "args": session.args,
            "env": env.unique(session.env or []),
            "workingDir": session.working_dir,
            "resources": session.resources,
            "readinessProbe": _readiness_probe(session),
            "securityContext": {
                "runAsNonRoot": session.run_as_user != 0,
                "runAsUser": session.run_as_user,
                "runAsGroup": session.run_as_group,
                "capabilities": NO_CAPABILITIES,
            },
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "volumeMounts": volumes.session_mounts(subject),
        }
    )


def _readiness_probe(session: SessionContainer) -> Manifest | None:
    match session.readiness_probe.type:
        case "tcp":
            return readiness_probe(tcp_socket(session.port))
        case "http":
            return readiness_probe(http_get(opened_at(session), session.port))
        case "none":
            return None
