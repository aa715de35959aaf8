"""A researcher's day: opens the demo's JupyterLab with a key, writes a file, and finds it again after a pause.

Who types is not paused, however little they type; who only leaves the tab open is.

With --picture the page is kept as docs/session.png, for the README.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from lab.cluster.admin import Admin
from lab.cluster.localhost import ask, with_port
from tests.e2e.browsers import launch
from tests.e2e.pages import page_of
from tests.e2e.specs import STARTS
from tests.support.world import Object, World, condition

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "config" / "samples" / "05-door.yaml"
PICTURE = ROOT / "docs" / "session.png"
PROBED = 120.0
PAGE_LOADS = 60_000.0
"""Milliseconds, as Playwright counts: JupyterLab is large, and its kernel starts on the same two cores."""

KEY = "the-key-of-this-test"
IDLE_FOR = 30.0
SEEN_FOR = 150.0
"""Seconds for which typing may be seen after its end: the door goes by the bytes of this minute and the last."""
MEASURED = 90.0
CELL = 'open("notes.txt", "w").write("kept over the night"); print("written")'


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser's page."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1100, "height": 520})
        page.set_default_timeout(PAGE_LOADS)
        yield page
        browser.close()


@pytest.fixture
def jupyterlab(world: World, cluster: Admin) -> Iterator[str]:
    """The session of the demo's sample, at a host name of its own; returns its name."""
    text = SAMPLE.read_text().replace("host: lab.localhost", "host: browser.e2e.localhost")
    assert text != SAMPLE.read_text()
    world.secret("lab", auth=f"token: {KEY}")
    cluster.kubectl("apply", f"--namespace={world.namespace}", "--filename=-", stdin=text)
    yield "lab"
    world.delete("AmaltheaSession", "lab")
    world.wait_until_gone("AmaltheaSession", "lab")


@pytest.mark.timeout(400)
def test_a_file_written_in_the_browser_is_there_after_a_pause(
    world: World, jupyterlab: str, page: Page, cluster: Admin, request: pytest.FixtureRequest
) -> None:
    session = world.wait_for_state(jupyterlab, "Running", PROBED)
    nobody_enters_without_the_key(page, session, cluster)
    open_page(page, session, cluster)
    run_cell(page, CELL, "written")
    expect(page.locator(".jp-DirListing-itemText", has_text="notes.txt")).to_be_visible(timeout=PAGE_LOADS)
    if request.config.getoption("--picture", default=False):
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)

    world.patch_spec(jupyterlab, hibernated=True)
    world.wait_for_state(jupyterlab, "Hibernated", STARTS)
    assert world.get("Pod", f"{jupyterlab}-0") is None
    assert world.get("Ingress", jupyterlab) is None

    world.patch_spec(jupyterlab, hibernated=False)
    session = world.wait_for_state(jupyterlab, "Running", PROBED)
    open_page(page, session, cluster)
    page.locator(".jp-DirListing-itemText", has_text="notes.txt").dblclick()
    expect(page.locator(".jp-FileEditor .cm-content")).to_contain_text("kept over the night", timeout=PAGE_LOADS)

    world.delete("AmaltheaSession", jupyterlab)
    world.wait_until_nothing_is_left(jupyterlab, STARTS)


@pytest.mark.timeout(400)
def test_who_types_now_and_then_is_not_paused_and_who_only_leaves_the_tab_open_is(
    world: World, jupyterlab: str, page: Page, cluster: Admin
) -> None:
    world.patch_spec(jupyterlab, culling={"maxIdleDuration": f"{IDLE_FOR:.0f}s", "cpuIdleThreshold": "8"})
    open_page(page, world.wait_for_state(jupyterlab, "Running", PROBED), cluster)
    page.locator('.jp-LauncherCard[data-category="Other"]', has_text="Terminal").click()
    page.locator(".jp-Terminal .xterm-helper-textarea").focus()

    promised = due(type_until(page, world, lambda s: due(s) > 0, MEASURED))
    session = type_until(page, world, lambda _: time.time() > promised + IDLE_FOR / 2, IDLE_FOR * 2)
    typed = time.time()
    assert due(session) > promised
    assert not session["spec"]["hibernated"]

    world.wait_for("AmaltheaSession", jupyterlab, lambda s: s["spec"]["hibernated"], SEEN_FOR + IDLE_FOR)
    assert time.time() > typed + IDLE_FOR / 2
    paused = world.wait_for_state(jupyterlab, "Hibernated", STARTS)
    assert (condition(paused, "Stopped") or {})["reason"] == "Idle"


def type_until(page: Page, world: World, holds: Callable[[Object], bool], within: float) -> Object:
    """Type a key a second until something holds of the session; no pause of it is announced meanwhile."""
    deadline = time.monotonic() + within
    while not holds(session := world.wait_for("AmaltheaSession", "lab", lambda _: True)):
        assert time.monotonic() < deadline, session["status"]
        assert condition(session, "StoppingSoon") is None
        page.keyboard.type("#", delay=1000)
    return session


def due(session: Object) -> float:
    """Return when a session is to be paused, in Unix time; 0 for never."""
    told = session["status"].get("willHibernateAt")
    return datetime.fromisoformat(told).timestamp() if told else 0.0


def nobody_enters_without_the_key(page: Page, session: Object, cluster: Admin) -> None:
    """See what a stranger sees: a sentence, and nothing of the session, wherever they look."""
    lab = page_of(session, cluster.http_port)
    lab.wait_for(lambda answer: answer.status == 400)
    for path in ("", "../", "../api/contents", "../files/notes.txt", "../static/lab/index.html"):
        answer = ask(urljoin(lab.url, path), headers={"Cookie": "renku-auth=another-key"})
        assert answer.status == 401
        assert b"upyter" not in answer.body
    refused = page.goto(lab.url)
    assert refused is not None
    assert refused.status == 400
    assert "Jupyter" not in page.content()


def open_page(page: Page, session: Object, cluster: Admin) -> None:
    """Open the session where its status says, as a web front end does that knows its key."""
    url = with_port(session["status"]["url"], cluster.http_port)
    page_of(session, cluster.http_port).wait_for(lambda answer: answer.status == 400)
    origin = urljoin(url, "/")
    page.context.add_cookies(
        [{"name": "renku-auth", "value": KEY, "url": origin, "httpOnly": True, "sameSite": "Strict"}]
    )
    page.goto(url)


def run_cell(page: Page, code: str, printed: str) -> None:
    """Start a notebook from the launcher, and run its first cell."""
    page.locator('.jp-LauncherCard[data-category="Notebook"]').first.click()
    cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    cell.click()
    # JupyterLab does not run a cell that is sent before its kernel is connected.
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=PAGE_LOADS)
    page.keyboard.type(code)
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text(printed, timeout=PAGE_LOADS)
