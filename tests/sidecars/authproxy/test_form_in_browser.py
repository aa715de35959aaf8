"""The form for a key in a real browser: two sessions share a host, and the key of one must not reach the other."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from lab.base import system
from lab.base.progress import Progress
from tests.e2e.browsers import QUIET
from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.ingress import traefik
from tests.sidecars.authproxy.session import Session

KEYS = {"/sessions/one": "key-of-one", "/sessions/two": "key-of-two"}


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """A browser that keeps a profile, as people's do, with its password manager."""
    system.ensure((system.Package("chromium", "chromium"),), Progress())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=shutil.which("chromium"), args=[*QUIET], chromium_sandbox=False
        )
        yield browser.pages[0]
        await browser.close()


@pytest.mark.timeout(120)
async def test_the_key_that_somebody_enters_opens_its_session_and_is_not_offered_to_another(
    page: Page, open_door: Open, session: Session, tmp_path: Path
) -> None:
    doors = {path: await open_door(token=key, env={"AUTHPROXY_COOKIE_PATH": path}) for path, key in KEYS.items()}
    async with traefik(tmp_path, doors) as port:
        at = f"http://127.0.0.1:{port}"
        await page.goto(f"{at}/sessions/one/lab")
        await page.get_by_text("I have the key of this session").click()
        first = page.get_by_role("textbox", name="Key")
        first_name = await first.get_attribute("name")
        assert await first.evaluate("field => getComputedStyle(field).webkitTextSecurity") == "disc"
        assert await page.locator("input[type=password]").count() == 0, "browsers keep what is typed there, by host"
        await first.fill(KEYS["/sessions/one"])
        async with page.expect_navigation():
            await page.get_by_role("button", name="Open the session").click()
        assert page.url == f"{at}/sessions/one/lab"
        assert [head.split(b" ")[0] for head in session.heads] == [b"GET"], "the form itself never arrives"
        assert not any(KEYS["/sessions/one"].encode() in head for head in session.heads)

        await page.goto(f"{at}/sessions/two/lab")
        await page.get_by_text("I have the key of this session").click()
        second = page.get_by_role("textbox", name="Key")
        await expect(second).to_have_value("")
        assert await second.get_attribute("name") != first_name
        assert await second.get_attribute("autocomplete") == "off"
        assert {(c.get("name"), c.get("path")) for c in await page.context.cookies()} == {
            ("renku-auth", "/sessions/one")
        }
