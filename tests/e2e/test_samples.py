"""The samples do what their leading comments promise, applied all at once as a reader would do it.

Only their host names are changed, so that they do not get in the way of a demo on the same machine.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lab.cluster.admin import Admin
from lab.cluster.localhost import ask
from tests.e2e.operator_pod import Installation
from tests.e2e.pages import Page, page_of
from tests.e2e.specs import STARTS
from tests.support.world import World

SAMPLES = Path(__file__).parents[2] / "config" / "samples"
FILES = sorted(path.name for path in SAMPLES.glob("[0-9][0-9]-*.yaml"))
PROBED = 120.0
"""Seconds until a sample runs, all of them at once on one machine."""


@pytest.fixture(scope="module")
def all_applied(operator: Installation, cluster: Admin) -> Iterator[None]:
    """All samples in the cluster, by the kustomization that users apply."""
    text = re.sub(r"\.localhost$", ".e2e.localhost", cluster.kubectl("kustomize", str(SAMPLES)), flags=re.MULTILINE)
    place = f"--namespace={operator.world.namespace}"
    cluster.kubectl("apply", place, "--filename=-", stdin=text)
    yield
    cluster.kubectl("delete", place, "--filename=-", "--ignore-not-found", stdin=text)


def jupyterlab(world: World, cluster: Admin) -> None:
    session = world.wait_for_state("jupyterlab", "Running", PROBED)
    assert session["status"]["url"] == "http://jupyterlab.e2e.localhost/lab/"
    page = page_of(session, cluster.http_port)
    page.wait_for(lambda answer: answer.is_success)
    without_slash = Page(page.url.removesuffix("/")).wait_for(lambda answer: answer.status == 200)
    assert b"JupyterLab" in without_slash.body


def batch_job(world: World, cluster: Admin) -> None:
    world.wait_for_state("pi", "Succeeded", PROBED)
    assert "pi is about 3.1" in cluster.kubectl("logs", "job/pi", f"--namespace={world.namespace}")


def paused(world: World, cluster: Admin) -> None:
    world.wait_for_state("paused", "Hibernated")
    kinds = {belonging.partition("/")[0] for belonging in world.belongings_of("paused")}
    assert "PersistentVolumeClaim" in kinds
    assert not kinds & {"Pod", "Ingress"}
    world.patch_spec("paused", hibernated=False)
    session = world.wait_for_state("paused", "Running", STARTS)
    page_of(session, cluster.http_port).wait_for(lambda answer: answer.is_success)


def web_front_end(world: World, cluster: Admin) -> None:
    session = world.wait_for_state("front-end", "Running", PROBED)
    assert session["status"]["url"] == "http://sessions.e2e.localhost/sessions/front-end/?view=wide"
    answer = page_of(session, cluster.http_port).wait_for(lambda answer: answer.is_success)
    assert json.loads(answer.body)["path"] == "/sessions/front-end/?view=wide"
    pod = world.wait_for("Pod", "front-end-0", lambda _: True)
    assert pod["metadata"]["labels"]["example.org/team"] == "documentation"


def door(world: World, cluster: Admin) -> None:
    world.secret("lab", auth="token: a-key-of-your-own")
    session = world.wait_for_state("lab", "Running", PROBED)
    page = page_of(session, cluster.http_port)
    stranger = page.wait_for(lambda answer: answer.status == 400)
    assert b"JupyterLab" not in stranger.body
    owner = ask(page.url.removesuffix("/"), headers={"Authorization": "Bearer a-key-of-your-own"})
    assert owner.status == 200
    assert b"JupyterLab" in owner.body


PROMISES: dict[str, Callable[[World, Admin], None]] = {
    "01-jupyterlab.yaml": jupyterlab,
    "02-batch-job.yaml": batch_job,
    "03-paused.yaml": paused,
    "04-web-front-end.yaml": web_front_end,
    "05-door.yaml": door,
}


@pytest.mark.usefixtures("all_applied")
@pytest.mark.parametrize("file", FILES)
def test_a_sample_keeps_its_promise_and_leaves_nothing(file: str, world: World, cluster: Admin) -> None:
    PROMISES[file](world, cluster)
    name = yaml.safe_load((SAMPLES / file).read_text())["metadata"]["name"]
    world.delete("AmaltheaSession", name)
    world.wait_until_nothing_is_left(name, STARTS)


def test_the_kustomization_takes_every_sample() -> None:
    assert yaml.safe_load((SAMPLES / "kustomization.yaml").read_text())["resources"] == FILES
