"""The remains of the Go operator in a cluster: the recorded sessions, loaded into a real API server as it wrote them.

Objects are posted by its field manager, in the order in which it made them; controllers make the pods, which then run.
"""

import json
import time
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, replace

from amalthea.api import names
from amalthea.api.schema import Manifest
from tests import recorded
from tests.api.operator.test_jobs import end
from tests.recorded import Recorded
from tests.support.world import Object, World, ready_status

SIDECARS = "renku/sidecars:1"
"""The image that the Go operator was set up with."""
AS_THE_GO_OPERATOR = "?fieldManager=Go-http-client"
SECRETS = ("door", "gitcred", "ds1", "ds2", "pull", "rsecret", "tls")
"""What the users' back end made for the sessions."""

Change = Callable[[Recorded], Recorded]
Key = tuple[str, str]


@dataclass(frozen=True)
class Left:
    """A session and its children by kind and name, as the API server returned them at first."""

    session: Object
    children: dict[Key, Object]

    @property
    def name(self) -> str:
        """The session's name."""
        name: str = self.session["metadata"]["name"]
        return name

    @property
    def waits(self) -> bool:
        """Return whether its status reports a waiting update: it runs, and is not to stay as it is for good."""
        return self.awake and self.session["spec"]["reconcileStrategy"] != "never"

    @property
    def awake(self) -> bool:
        """Return whether it has a pod that runs."""
        return bool(self.session["status"]["state"] == "Running")


def of_today(theirs: Recorded) -> Recorded:
    """Return a session as the Go operator of today leaves it."""
    return theirs


def of_older_releases(theirs: Recorded) -> Recorded:
    """Return a session as older releases left it: no run id, no marks on the workload, no internal secret."""
    made, children = deepcopy(theirs.made), deepcopy(theirs.children)
    made["spec"] = {k: v for k, v in made["spec"].items() if v not in ("local", "Interactive")}
    made["status"].pop("runID", None)
    if theirs.name not in ("oidc", "remote"):  # whose pods cannot start without
        children.pop(("Secret", names.internal_secret(theirs.name)))
    for child in children.values():
        template = child.get("spec", {}).get("template", {"metadata": {}})
        for annotations in (child["metadata"].get("annotations", {}), template["metadata"].get("annotations", {})):
            for mark in (names.ANNOTATION_RUN_ID, names.ANNOTATION_SESSION_UID):
                annotations.pop(mark, None)
    return replace(theirs, made=made, children=children)


def under(strategy: str) -> Change:
    """Return what gives a session another strategy than the recorded ones have, which is whenFailedOrHibernated."""

    def change(theirs: Recorded) -> Recorded:
        return replace(theirs, made={**theirs.made, "spec": {**theirs.made["spec"], "reconcileStrategy": strategy}})

    return change


RELEASES: dict[str, Change] = {
    "today": of_today,
    "today, under always": under("always"),
    "today, under never": under("never"),
    "older": of_older_releases,
    "older, under always": lambda theirs: under("always")(of_older_releases(theirs)),
}
BROUGHT_UP_TO_DATE = {name: release for name, release in RELEASES.items() if "never" not in name}
"""Those whose sessions take what is new with their next start."""


def of_today_at_work(theirs: Recorded) -> Recorded:
    """Return a job as it is before it ends."""
    done = ("idleSince", "state")
    status = {key: value for key, value in theirs.made["status"].items() if key not in done}
    return replace(theirs, made=theirs.made | {"status": status | {"state": "Running", "idle": False}})


def with_stale_fields(theirs: Recorded) -> Recorded:
    """Return a session whose children have fields, of another release, that nobody asks for today."""
    children = deepcopy(theirs.children)
    children["StatefulSet", theirs.name]["spec"]["template"]["spec"]["hostname"] = "stale"
    children["Service", theirs.name]["spec"]["ports"].append({"name": "stale", "port": 1})
    return replace(theirs, children=children)


def load(world: World, release: Change, sessions: Iterable[str] = recorded.NAMES) -> list[Left]:
    """Put sessions and the users' secrets into the namespace, and let the pods run."""
    for secret in SECRETS:
        world.secret(secret, auth="authproxy: {token: t}")
    return [_load(world, release(recorded.load(name))) for name in sessions]


def pods_of(world: World, name: str) -> list[Object]:
    """Return the pods of a session."""
    return [pod for pod in world.all("Pod") if pod["metadata"]["labels"][names.LABEL_INSTANCE] == name]


def _load(world: World, theirs: Recorded) -> Left:
    kept = ("name", "labels", "annotations", "finalizers")
    metadata = {key: value for key, value in theirs.made["metadata"].items() if key in kept}
    session = _post(world, {key: theirs.made[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata})
    children = {}
    for key, child in theirs.children.items():
        text = json.dumps(recorded.comparable(child)).replace(theirs.uid, session["metadata"]["uid"])
        children[key] = _post(world, json.loads(text))
    _play(world, theirs)
    path = world.path(names.KIND, theirs.name) + "/status" + AS_THE_GO_OPERATOR
    return Left(world.api.patch(path, {"status": _as_of_now(theirs.made["status"])}), children)


def _as_of_now(status: Manifest) -> Manifest:
    """Return a status whose times have just started: an ended job is deleted after some."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {key: now if key.endswith("Since") else value for key, value in status.items()}


def _post(world: World, body: Manifest) -> Object:
    return world.api.post(world.path(body["kind"]) + AS_THE_GO_OPERATOR, body)


def _play(world: World, theirs: Recorded) -> None:
    """Play the kubelet, until the workload is as it was."""
    match theirs.made["status"]["state"], theirs.name:
        case "Running", "job":
            pod = world.job_pod(theirs.name)
            world.set_pod_status(pod, ready_status(pod))
            world.wait_for("Job", theirs.name, lambda job: job["status"].get("ready"))
        case "Running", _:
            world.make_pod_ready(theirs.name)
            world.wait_for("StatefulSet", theirs.name, lambda found: found["status"].get("readyReplicas") == 1)
        case "Succeeded", _:
            end(world, world.job_pod(theirs.name), 0)
            world.wait_for("Job", theirs.name, lambda job: job["status"].get("completionTime"))
