"""The time that a session takes to open, on real pods: JupyterLab with a door and a repository, through a real ingress.

`python -m bench.start`. The same starts are seen through two ingresses: Traefik as the lab has it, and with its default
throttle. Beside them some starts have the probe of the Go operator.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.counts import count_of
from bench.start_figures import Found, broken, render
from bench.stopwatch import SESSIONS, NotDoneError, Object, Stopwatch, Subject
from lab.base import ports
from lab.base.process import DaemonError, Daemons
from lab.base.progress import Progress
from lab.base.state import BusyError
from lab.base.system import MachineError
from lab.cluster import admin, image_loaders
from lab.cluster.admin import Admin, CommandError
from lab.cluster.localhost import ask, with_port
from lab.cluster.release import Release
from lab.control_plane.api import Api
from lab.demo import git_server
from lab.node import addons
from lab.programs import binaries
from lab.programs.gobuild import BuildError

NAMESPACE = "bench-start"
KEY = "the-key-of-the-bench"
PORT, PATH = 8888, "/lab"
THROTTLE = 2.0
"""Seconds: Traefik's own default of `providersThrottleDuration`."""
THROTTLED = f"{THROTTLE:g} s"
"""The name of the page through an ingress with that throttle."""
OLD_PROBE = {"successThreshold": 5, "periodSeconds": 5, "initialDelaySeconds": 10}
"""The Go operator's probe of a session."""


def host(name: str) -> str:
    """Return the session's host name."""
    return f"{name}.bench-start.localhost"


def session(name: str, repository: str, **spec: object) -> Object:
    """Return the session: what `make demo` shows."""
    container = {
        "image": "docker.io/amalthea/jupyterlab:dev",
        "imagePullPolicy": "IfNotPresent",
        "port": PORT,
        "urlPath": PATH,
        "workingDir": "/home/jovyan/work",
        "runAsUser": 1000,
        "runAsGroup": 100,
        "storage": {"size": "100Mi", "mountPath": "/home/jovyan/work"},
        "readinessProbe": {"type": "http"},
    }
    return {
        "apiVersion": "amalthea.dev/v1alpha1",
        "kind": "AmaltheaSession",
        "metadata": {"name": name},
        "spec": {
            "hibernated": False,
            "session": container,
            "authentication": {"type": "token", "secretRef": {"name": "door", "key": "auth"}},
            "codeRepositories": [
                {"remote": repository, "cloningConfigSecretRef": {"name": "repository", "key": "credentials"}}
            ],
            "ingress": {"host": host(name)},
            **spec,
        },
    }


class Bench:
    """The sessions in one namespace, and the ingresses that they are observed through."""

    def __init__(self, api: Api, repository: str, pages: dict[str, int]) -> None:
        self._api = api
        self._repository = repository
        self._pages = pages
        self._collection = SESSIONS.format(NAMESPACE)

    def creates(self, count: int) -> Iterator[dict[str, float]]:
        """Time new sessions, one by one. The first is not counted: the cluster has to learn of sessions."""
        for number in range(count + 1):
            name = f"new-{number}"
            times = self._watch(name).start(partial(self._create, name))
            self._api.delete(f"{self._collection}/{name}")
            if number:
                yield times

    def resumes(self, count: int) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
        """Time the resumes of one session, and the pauses before them."""
        name = "lab"
        watch = self._watch(name)
        watch.start(lambda: self._create(name))
        for _ in range(count):
            paused = watch.pause(lambda: self._hibernate(name, wanted=True))
            yield watch.start(lambda: self._hibernate(name, wanted=False)), paused
        self._api.delete(f"{self._collection}/{name}")

    def with_the_old_probe(self, count: int) -> Iterator[dict[str, float]]:
        """Time the resumes of a session that has the Go operator's probe."""
        name = "old"
        watch = self._watch(name)
        watch.start(lambda: self._create(name, reconcileStrategy="never"))
        for _ in range(count):
            watch.pause(lambda: self._hibernate(name, wanted=True))
            self._give_the_old_probe(name)
            yield watch.start(lambda: self._hibernate(name, wanted=False))
        self._api.delete(f"{self._collection}/{name}")

    def _watch(self, name: str) -> Stopwatch:
        pages = {each: with_port(f"http://{host(name)}{PATH}", port) for each, port in self._pages.items()}
        return Stopwatch(self._api, Subject(NAMESPACE, name, PORT, PATH, pages, KEY))

    def _create(self, name: str, **spec: object) -> None:
        self._api.post(self._collection, session(name, self._repository, **spec))

    def _hibernate(self, name: str, *, wanted: bool) -> None:
        self._api.patch(f"{self._collection}/{name}", {"spec": {"hibernated": wanted}})

    def _give_the_old_probe(self, name: str) -> None:
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/{name}"
        template = self._api.get(path)["spec"]["template"]
        (container,) = template["spec"]["containers"]
        container["readinessProbe"] |= OLD_PROBE
        self._api.patch(path, {"spec": {"template": {"spec": {"containers": [container]}}}})


def measure(chosen: argparse.Namespace, progress: Progress) -> Found:
    """Bring all up and time the starts; raise what the lab raises, NotDoneError or CommandError."""
    cluster = admin.up(progress)
    image_loaders.load((), progress)
    repository = git_server.up(progress)
    release = Release(cluster, NAMESPACE)
    with progress.step("Installing the operator"):
        release.install()
    try:
        with tempfile.TemporaryDirectory() as folder, _throttled(cluster, Path(folder), progress) as port:
            pages = {"100 ms": cluster.http_port, THROTTLED: port}
            bench = Bench(admin.api_of(cluster, Path(folder)), repository.remote, pages)
            door = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "door"}}
            for secret in (repository.secret("repository"), {**door, "stringData": {"auth": f"token: {KEY}"}}):
                options = (f"--namespace={NAMESPACE}", "--server-side", "--filename=-")
                cluster.kubectl("apply", *options, stdin=json.dumps(secret))
            return _timed(bench, chosen, progress)
    finally:
        place = f"--namespace={NAMESPACE}"
        cluster.kubectl("delete", "amaltheasessions", "--all", place, "--ignore-not-found", "--timeout=60s")
        release.uninstall()
        cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=2m")


def _timed(bench: Bench, chosen: argparse.Namespace, progress: Progress) -> Found:
    with progress.step(f"Creating {chosen.creates} sessions, one after the other"):
        created = list(bench.creates(chosen.creates))
    with progress.step(f"Pausing and resuming a session {chosen.resumes} times"):
        resumed = list(bench.resumes(chosen.resumes))
    with progress.step(f"Resuming a session {chosen.old} times with the Go operator's probe"):
        old = list(bench.with_the_old_probe(chosen.old))
    paused, starts = [pause for _, pause in resumed], [start for start, _ in resumed]
    return Found(created, starts, old, paused, {f"page, {THROTTLED}": THROTTLE})


@contextmanager
def _throttled(cluster: Admin, folder: Path, progress: Progress) -> Iterator[int]:
    """Run a second ingress beside the lab's, with Traefik's own throttle, and return its port."""
    port, ping = ports.reserve(2)
    daemons = Daemons(folder, outlive=False)
    daemon = addons.traefik(binaries.path("traefik", progress), cluster.kubeconfig, port, f"{THROTTLE:g}s", ping)
    try:
        daemons.start(daemon, lambda: ask(f"http://127.0.0.1:{ping}/ping").is_success)
        yield port
    finally:
        daemons.stop_all()
        ports.release([port, ping])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 1 if it failed, or if a bound does not hold."""
    chosen = _parser().parse_args(arguments)
    try:
        found = measure(chosen, Progress())
    except (BuildError, BusyError, CommandError, DaemonError, MachineError, NotDoneError) as error:
        print(f"start: {error}", file=sys.stderr)
        return 1
    print(render(found))
    wrong = broken(found)
    for sentence in wrong:
        print(f"start: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.start", description="Times starts of sessions on real pods.")
    parser.add_argument(
        "--resumes", type=count_of("starts"), default=20, metavar="N", help="pauses and resumes (default: 20)"
    )
    parser.add_argument("--creates", type=count_of("starts"), default=5, metavar="N", help="new sessions (default: 5)")
    parser.add_argument(
        "--old", type=count_of("starts"), default=5, metavar="N", help="with the Go operator's probe (default: 5)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
