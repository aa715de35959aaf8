"""Remote sessions on real pods: the job runs under a real Slurm, and dials in through the real ingress, over TLS."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page, expect, sync_playwright

from lab.cluster.admin import Admin
from lab.demo import remote as demo_remote
from tests.e2e.browsers import believe, launch
from tests.e2e.git_servers import Servers, serving
from tests.e2e.remote_sessions import STARTS, Remote, restart_the_ingress, site_of
from tests.e2e.test_git_proxy import RENKU_TOKEN, TOKEN, cloner, proxy, volumes, with_health
from tests.support.git import git
from tests.support.world import World

pytestmark = pytest.mark.timeout(600)

SERVES = "exec python3 -m http.server --bind 127.0.0.1 $RENKU_SESSION_PORT"
SAYS = "served by job"
PAGE_LOADS = 60_000.0
"""Milliseconds, as Playwright counts."""
FILES = sorted((Path(__file__).parents[2] / "config" / "samples" / "remote").glob("[0-9][0-9]-*.yaml"))


@pytest.fixture(scope="module")
def remotes(cluster: Admin) -> Iterator[Callable[[World, str], Remote]]:
    with site_of(cluster) as site:
        yield lambda world, name: Remote(cluster, world, site, name)


@pytest.fixture
def browsers_page(cluster: Admin, tmp_path: Path) -> Iterator[Page]:
    """A page of a browser that believes the authority of the lab's entry over TLS, as its users' browsers do."""
    believe(cluster.authority, tmp_path)
    with sync_playwright() as playwright:
        browser = launch(playwright, home=tmp_path)
        page = browser.new_page()
        page.set_default_timeout(PAGE_LOADS)
        yield page
        browser.close()


@pytest.fixture
def remote(remotes: Callable[[World, str], Remote], world: World, name: str) -> Iterator[Remote]:
    made = remotes(world, name)
    made.secrets()
    yield made
    made.forget()


@pytest.fixture(scope="module")
def servers(cluster: Admin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with serving(cluster, tmp_path_factory.mktemp("git")) as servers:
        servers.https.passwords["project"] = ("oauth2", TOKEN)
        servers.https.tokens[f"/token/forge {RENKU_TOKEN}"] = TOKEN
        yield servers


def page(remote: Remote, *before: str) -> tuple[str, ...]:
    """Return a program that does something, and then serves a page on its job."""
    folder = shlex.quote(remote.path.strip("/"))
    makes = (f"mkdir -p {folder}", f'echo "{SAYS} $SLURM_JOB_ID" >{folder}/index.html')
    return ("/bin/sh", "-ec", "\n".join((*makes, *before, SERVES)))


def test_a_remote_session_lives_from_its_first_page_to_its_end_and_leaves_nothing_on_the_site(
    remote: Remote, browsers_page: Page
) -> None:
    world, name = remote.world, remote.name
    begun = time.monotonic()
    remote.start(*page(remote))
    remote.wait_for_page(SAYS, STARTS)
    tell(begun, "from the session's creation to its page")
    world.wait_for_state(name, "Running", STARTS)
    first = remote.job()
    browsers_page.goto(remote.url)
    expect(browsers_page.locator("body")).to_have_text(f"{SAYS} {first}")

    paused = time.monotonic()
    world.patch_spec(name, hibernated=True)
    remote.wait(lambda: not remote.alive(), lacks="the job is still there")
    tell(paused, "from the pause to the end of the job")
    world.wait_for_state(name, "Hibernated", STARTS)
    remote.wait(lambda: not remote.processes(), lacks="processes of the job are still there")

    world.patch_spec(name, hibernated=False)
    world.wait_for_state(name, "Running", STARTS)
    remote.wait_for_page(SAYS)
    second = remote.job()
    browsers_page.reload()
    expect(browsers_page.locator("body")).to_have_text(f"{SAYS} {second}")

    world.delete("AmaltheaSession", name)
    world.wait_until_nothing_is_left(name, STARTS)
    remote.wait(lambda: not remote.processes(), lacks="processes of the job are still there")
    remote.wait(lambda: not remote.alive(), lacks="a job is still there")
    assert [(job.id, job.state.split()[0]) for job in remote.jobs()] == [(first, "CANCELLED"), (second, "CANCELLED")]


def tell(begun: float, what: str) -> None:
    """Write down how long something took; `pytest -s` shows it."""
    sys.stdout.write(f"\n{time.monotonic() - begun:.1f} s {what}\n")


def test_git_in_the_job_pushes_with_the_users_token_which_it_never_sees(remote: Remote, servers: Servers) -> None:
    world, name = remote.world, remote.name
    tokens = {"access": RENKU_TOKEN, "refresh": "of-no-importance"}
    world.secret(f"{name}-proxy", **tokens, **{"ca.crt": servers.https.ca.read_text()})
    pushes = (
        "until grep -q 'The repositories are there' ../logs/git.logs; do sleep 0.2; done; cd project",
        "echo of the job >job.txt; git add job.txt",
        "git -c user.name=Ada -c user.email=ada@example.org commit --quiet --message=job; git push --quiet; cd ..",
    )
    try:
        remote.start(
            *page(remote, *pushes),
            extraVolumes=remote.spec()["extraVolumes"] + volumes(f"{name}-proxy"),
            initContainers=[cloner(servers, f"{name}-proxy")],
            extraContainers=[with_health(proxy(servers, f"{name}-proxy"))],
        )
        remote.wait_for_page(SAYS, STARTS)
        bare = servers.repositories / "project.git"
        assert git(bare, "show", "trunk:job.txt").strip() == "of the job"
        texts = [path for path in remote.site.scratch.rglob("*") if path.is_file() and _is_of_the_session(path.name)]
        seen = "".join(path.read_text() for path in texts)
        assert "session_script.sh" in {path.name for path in texts}
        assert TOKEN not in seen
        assert RENKU_TOKEN not in seen
    finally:
        world.delete("Secret", f"{name}-proxy")


def _is_of_the_session(name: str) -> bool:
    return name in ("config", "session_script.sh") or name.endswith((".out", ".logs"))


def test_each_part_may_be_killed_once_and_the_session_comes_back_with_the_job_that_it_had(remote: Remote) -> None:
    world, name = remote.world, remote.name
    remote.start(*page(remote))
    remote.wait_for_page(SAYS, STARTS)
    job = remote.job()

    remote.kill("remote-session-controller run")
    remote.wait(lambda: restarts(world, name, "amalthea-session") == 1, lacks="the controller has not come back")
    remote.wait_for_page(SAYS)

    remote.kill("tunnel listen")
    remote.wait(lambda: restarts(world, name, "tunnel") == 1, lacks="the tunnel has not come back")
    remote.wait_for_page(SAYS)

    restart_the_ingress()
    remote.wait_for_page(SAYS)

    remote.site.kill_firecrest()
    assert SAYS in remote.page()
    remote.site.start_firecrest()

    slurm = remote.site.slurm
    slurm.kill_daemon("slurmctld")
    assert SAYS in remote.page()
    slurm.start_daemon("slurmctld")

    assert [each.id for each in remote.jobs()] == [job]
    world.delete("AmaltheaSession", name)
    world.wait_until_nothing_is_left(name, STARTS)
    remote.wait(lambda: not remote.alive(), lacks="the job is still there")
    assert [(each.id, each.state.split()[0]) for each in remote.jobs()] == [(job, "CANCELLED")]
    remote.wait(lambda: not remote.processes(), lacks="processes of the job are still there")


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_the_sample_shows_its_page_to_who_has_the_key(
    file: Path, remotes: Callable[[World, str], Remote], world: World, cluster: Admin, browsers_page: Page
) -> None:
    sample = yaml.safe_load(file.read_text())
    remote = replace(remotes(world, sample["metadata"]["name"]), key="the-key")
    for variable in sample["spec"]["session"]["env"]:
        if variable["name"] == "RENKU_BASE_URL":
            variable["value"] = demo_remote.address(cluster)
    contents = demo_remote.secrets(cluster, remote.site) | {"remote-page-key": {"auth": "token: the-key"}}
    for name, content in contents.items():
        world.secret(name, **content)
    try:
        world.create(sample)
        world.wait_for_state(remote.name, "Running", STARTS)
        remote.wait_for_page('hello, with "quotes" and commas')
        assert replace(remote, key="").page() == ""
        job = remote.job()
        enter(browsers_page, remote)
        expect(browsers_page.locator("body")).to_contain_text(f"Job {job} on ")
    finally:
        world.delete("AmaltheaSession", remote.name)
        world.wait_until_nothing_is_left(remote.name, STARTS)
        for name in contents:
            world.delete("Secret", name)
    remote.wait(lambda: not remote.alive(), lacks=f"job {job} is still there")


def enter(page: Page, remote: Remote) -> None:
    """Open a session as somebody does who has its key, and types it."""
    page.goto(remote.url)
    page.get_by_text("I have the key of this session").click()
    page.get_by_role("textbox").fill(remote.key)
    page.get_by_role("button").click()


def restarts(world: World, name: str, container: str) -> int:
    pod = world.get("Pod", f"{name}-0") or {}
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return next((int(each["restartCount"]) for each in statuses if each["name"] == container and each["started"]), 0)
