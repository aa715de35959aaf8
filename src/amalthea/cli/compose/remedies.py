"""Remedies for all that can be wrong with a session: one table from the stable words of its conditions to advice.

The cause is not repeated: here are the commands, and what else there is to know.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from amalthea.api import names
from amalthea.api.reasons import Failure, Reason
from amalthea.api.schema import Manifest
from amalthea.cli.compose.situation import Situation
from amalthea.cli.explanation import Advice

Remedy: TypeAlias = Callable[[Situation], Iterator[Advice]]

_IMAGE: Manifest = {"session": {"image": "IMAGE"}}


def remedies(at: Situation) -> Iterator[Advice]:
    """Yield what cures what is wrong with a session."""
    for code in at.codes:
        if code in REMEDIES:
            yield from REMEDIES[code](at)


def _says(*sentences: str) -> Remedy:
    """Advise what needs no command. `{name}` is the session's, `{node}` that of its node."""

    def advise(at: Situation) -> Iterator[Advice]:
        node = at.known.pod.spec.node_name if at.known.pod is not None else ""
        for sentence in sentences:
            yield Advice(text=sentence.format(name=at.name, node=f'"{node}"' if node else "it runs on"))

    return advise


def _runs(text: str, command: str) -> Remedy:
    """Advise a command of kubectl. `{name}` is the session's."""

    def advise(at: Situation) -> Iterator[Advice]:
        yield Advice(text=text, command=f"{at.kubectl} {command.format(name=at.name)}")

    return advise


def _changes(text: str, spec: Manifest | None = None) -> Remedy:
    """Advise to change the description: in an editor, if the change is not known."""

    def advise(at: Situation) -> Iterator[Advice]:
        yield at.change(text, spec)

    return advise


def _all(*remedies: Remedy) -> Remedy:
    def advise(at: Situation) -> Iterator[Advice]:
        for remedy in remedies:
            yield from remedy(at)

    return advise


def _image(text: str) -> Remedy:
    """Advise to name another image, where the reader chooses it."""

    def advise(at: Situation) -> Iterator[Advice]:
        container = at.container
        if container is not None and at.of_the_operator:
            yield Advice(text=f"Ask your admin: the image of {container.name} comes with the operator.")
        else:
            mine = container is None or container.name == names.CONTAINER_SESSION
            yield at.change(text, _IMAGE if mine else None)

    return advise


def _memory(at: Situation) -> Iterator[Advice]:
    container = at.container
    if container is not None and at.of_the_operator:
        yield Advice(text=f"Ask your admin: the operator sets how much memory {container.name} may use.")
    elif container is None or container.name == names.CONTAINER_SESSION:
        yield at.change("Give it more memory:", {"session": {"resources": {"limits": {"memory": at.more_memory}}}})
    else:
        yield at.change(f"Give {container.name} more memory:")


def _larger_volume(at: Situation) -> Iterator[Advice]:
    yield Advice(
        text="If its own volume is full, give it a larger one; it can never shrink again:",
        command=at.patch({"session": {"storage": {"size": "SIZE"}}}),
    )


def _log(at: Situation) -> Iterator[Advice]:
    yield from at.log(at.container)


def _started_anew(at: Situation) -> Iterator[Advice]:
    if at.observed.interactive:
        yield Advice(text="Wait: it restarts automatically, with the files on its volume.")


def _no_room(at: Situation) -> Iterator[Advice]:
    if at.observed.session.status.state != "Failed":
        yield at.change("Wait for room, or ask for less CPU, memory or devices:")
    else:
        yield at.change("Ask for less CPU, memory or devices:")
        yield Advice(text="If a node gets room after all, it starts by itself.")


def _door(at: Situation) -> Iterator[Advice]:
    yield from _log(at)
    spec = at.observed.spec
    if spec is not None and spec.authentication is not None:
        secret = spec.authentication.secret_ref.name
        yield Advice(
            text=f'Correct the secret "{secret}", whose values are in base64:',
            command=f"{at.kubectl} edit secret {secret}",
        )


def _clone(at: Situation) -> Iterator[Advice]:
    yield from _log(at)
    repositories = (at.observed.spec.code_repositories or ()) if at.observed.spec is not None else ()
    for each in repositories:
        if each.cloning_config_secret_ref is not None:
            secret = each.cloning_config_secret_ref.name
            yield Advice(
                text=f'If the credentials in the secret "{secret}" are wrong, correct them (they are in base64):',
                command=f"{at.kubectl} edit secret {secret}",
            )
    yield Advice(text="The repositories of a session cannot be changed. To change them, create a new session.")


def _data(at: Situation) -> Iterator[Advice]:
    sources = (at.observed.spec.data_sources or ()) if at.observed.spec is not None else ()
    for secret in dict.fromkeys(each.secret_ref.name for each in sources if each.secret_ref is not None):
        yield Advice(
            text=f'If the data source in the secret "{secret}" is wrong, correct it (it is in base64):',
            command=f"{at.kubectl} edit secret {secret}",
        )


_CLAIMS = _runs("See what its volumes wait for:", f"describe pvc -l {names.LABEL_INSTANCE}={{name}}")
_ASK_ABOUT_NODE = _says("If that lasts for minutes, ask your admin about the node {node}.")
_EDIT = _changes("Correct its description:")

REMEDIES: dict[str, Remedy] = {
    Failure.IMAGE_NOT_FOUND: _image("Name an image that exists:"),
    Failure.IMAGE_ACCESS_DENIED: _all(
        _image("If the name of the image is wrong, correct it:"),
        _changes("If the image is private, name a secret with a login to its registry (spec.imagePullSecrets):"),
    ),
    Failure.REGISTRY_UNAVAILABLE: _all(
        _says("Wait: Kubernetes pulls the image again."), _image("If its name is misspelt, correct it:")
    ),
    Failure.IMAGE_INVALID: _image("Correct the name of the image:"),
    Failure.IMAGE_UNSUITABLE: _image("Name an image for the CPU architecture of the cluster's nodes:"),
    Failure.IMAGE_NOT_PULLED: _all(
        _image("If the name of the image is wrong, correct it:"), _says("If it is right, ask your admin.")
    ),
    Failure.CRASHED: _log,
    Failure.ENDED: _all(_says("Wait: it restarts automatically."), _log),
    Failure.HELPER_GOES_ON: _says(
        "Make a new session whose helper is an init container with restartPolicy: Always: it ends with the job."
    ),
    Failure.OUT_OF_MEMORY: _memory,
    Failure.DISK_FULL: _all(
        _larger_volume,
        _says("If the node's disk is full, keep large files on the volume."),
    ),
    Failure.EVICTED: _all(
        _started_anew, _changes("If that happens again, ask for as much of the scarce resource as the session uses:")
    ),
    Failure.POD_STOPPED: _all(_started_anew, _says("If that happens again, ask your admin about the node {node}.")),
    Failure.CANNOT_START: _changes("Correct its command, its user, its environment or its mounts:"),
    Failure.DEPENDENCY_MISSING: _all(
        _runs("See which secrets and config maps there are:", "get secrets,configmaps"),
        _says("Create the one that is missing: the session continues automatically."),
    ),
    Failure.DOOR_MISCONFIGURED: _door,
    Failure.DOOR_PORT_TAKEN: _all(
        _runs("See which containers it has:", "get pod {name}-0 -o yaml"),
        _changes("Correct the port of the program, or use another image:"),
    ),
    Failure.CLONE_FAILED: _clone,
    Failure.CLONE_INCOMPLETE: _says(
        "Continue without them, or follow the advice on each; where a part could not be fetched, the file ERROR in the "
        "repository's folder repeats it."
    ),
    Failure.JOB_FAILED: _runs("See what is known of the job:", "describe job {name}"),
    Failure.JOB_TOO_LONG: _says("Make a new session with a longer maxAge (spec.culling)."),
    Failure.HELD_DOWN: _all(
        _runs("See what suspended it or scaled it down, and since when:", "describe statefulset,job {name}"),
        _says("If it should run now, pause and resume it."),
    ),
    Failure.REMOTE_JOB_FAILED: _all(
        _log, _says("Once the cause is fixed, pause the session and resume it: that submits a new job.")
    ),
    Failure.REMOTE_JOB_LEFT: _says(
        "Check on the other machine whether a job of the session is left: its name contains {name}."
    ),
    Failure.CLUSTER_SILENT: _says(
        "Wait: the operator asks it again. If that lasts, ask your admin whether the other machine's interface is up."
    ),
    Failure.QUOTA_EXCEEDED: _all(
        _runs("See the quotas of the namespace and their use:", "describe quota"),
        _runs("See which sessions could be paused or deleted:", "get ams"),
        _changes("Or ask for less:"),
    ),
    Failure.POD_REFUSED: _all(_EDIT, _says("If a rule of the cluster forbids it, ask your admin.")),
    Failure.UNSCHEDULABLE: _no_room,
    Failure.NODE_COMING: _says("Wait: the cluster is adding a node."),
    Failure.NODE_LOST: _says(
        "Wait for the node {node}. If it does not come back, ask your admin to remove it from the cluster: then the"
        " session starts elsewhere."
    ),
    Failure.NODE_NOT_READY: _all(_says("Wait: it is tried again automatically."), _ASK_ABOUT_NODE),
    Failure.VOLUME_PENDING: _all(
        _CLAIMS,
        _runs("See which kinds of volume there are:", "get storageclasses"),
        _changes("As long as there is no volume, you may correct its class and its size (spec.session.storage):"),
    ),
    Failure.VOLUME_NOT_ATTACHED: _all(_says("Wait: it is tried again automatically."), _ASK_ABOUT_NODE),
    Failure.VOLUME_NOT_MOUNTED: _all(_data, _runs("See what the node says:", "describe pod {name}-0")),
    Failure.VOLUME_NOT_RESIZED: _all(_CLAIMS, _says("Ask your admin whether such volumes can grow.")),
    Failure.NOT_REACHABLE: _all(
        _runs("See what is wrong with its address:", "describe service,ingress {name}"),
        _says("Ask your admin to repair that."),
    ),
    Reason.INVALID_SPEC: _all(
        _runs("Correct its description:", "edit ams {name}"),
        lambda _: iter([Advice(text="Read what each field means:", command="kubectl explain ams.spec")]),
    ),
    Reason.INTERNAL_ERROR: _says("Tell your admin the id: the operator's log has the details under it."),
    Reason.NAME_TAKEN: _says("Create a session with another name: the object with this name belongs to somebody else."),
    Reason.REFUSED: _all(_EDIT, _says("If a rule of the cluster forbids it, ask your admin.")),
    Reason.UNAVAILABLE: _says("Wait: it is tried again automatically. If that lasts, ask your admin."),
    Reason.CONTESTED: _says("Ask your admin which program of the cluster changes it, and to stop that."),
    Reason.KIND_UNKNOWN: _says("Wait half a minute: the API server does not know sessions yet."),
    Reason.TERMINATING: _says("Wait: the object with its name is being deleted."),
}
"""By the reasons of Healthy, ChildrenInPlace and Accepted."""
