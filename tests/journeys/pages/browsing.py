"""A real Chromium, and people in it."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, async_playwright, expect

from infra.local.settings import ROOT
from tests.journeys.conftest import House

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=360, height=740)
SHOTS = ROOT / "build/screenshots"
AXE = ROOT / "infra/node/node_modules/axe-core/axe.min.js"
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# GOV.UK Frontend tells by it that a radio shows a question of its own; ARIA does not know it there, screen readers do.
RADIO_RULES = {"allowedAttrs": ["aria-expanded", "aria-posinset", "aria-required", "aria-setsize"]}
# Journeys are gone twice: the second time needs a minute more than `make test` has.
AT_DESK, AT_PHONE = "at a desk", "at a phone without scripts"
WAYS = (AT_DESK, pytest.param(AT_PHONE, marks=pytest.mark.long))
# What is fine is not told: that takes longer than to look.
AXE_RUN = """
tags => axe.run({runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]}).then(found => found.violations)
"""
# Patience only: two cores run a browser and everything behind the pages.
STEP_MS = 30_000


class NoBrowser(Exception):
    """Without a browser nobody can say that the pages work."""


def browser_path() -> str:
    """Find a Chromium. Raises NoBrowser."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise NoBrowser(f"none of {', '.join(BROWSERS)} is installed; on Debian: apt-get install chromium")


@asynccontextmanager
async def opened() -> AsyncIterator[Browser]:
    """Open one browser for all."""
    path = browser_path()
    expect.set_options(timeout=STEP_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Person:
    """Somebody signed in, in a window of their own."""

    page: Page
    url: str
    scripts: bool
    at_phone: bool = False
    seen: list[str] = field(default_factory=list)

    async def goes(self, path: str) -> int:
        """Open a page by its address; return the status."""
        answer = await self.page.goto(f"{self.url}{path}")
        assert answer is not None
        return answer.status

    async def heading(self) -> str:
        """Read the page's one heading."""
        return (await self.page.locator("h1").inner_text()).strip()

    async def clicks(self, name: str, role: Any = "link", *, exact: bool = True) -> None:
        """Follow a link, or press a button with role="button"."""
        await self.page.get_by_role(role, name=name, exact=exact).first.click()

    async def presses(self, name: str) -> None:
        """Press a button."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def types(self, label: str, text: str) -> None:
        """Fill in a field by its label."""
        await self.page.get_by_label(label, exact=True).fill(text)

    async def chooses(self, *labels: str) -> None:
        """Tick radios or boxes by their labels."""
        for label in labels:
            await self.page.get_by_label(label, exact=True).check()

    async def banner(self) -> str:
        """Read what was done."""
        return await self.page.locator(".govuk-notification-banner__heading").inner_text()

    async def text(self) -> str:
        """Read what the page says."""
        return await self.page.locator("main").inner_text()

    async def looks(self, name: str, template: str) -> None:
        """Keep a picture of a page, which is this template's, at desk and phone width; hold it to WCAG 2.2 AA.

        Who goes the same way again at a phone sees that it fits there, and no more.
        """
        if self.at_phone:
            await self.fits(template)
            return
        SHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
        await self.page.set_viewport_size(PHONE)
        await self.page.screenshot(path=SHOTS / f"{name}-phone.png", full_page=True)
        await self.fits(template)
        await self.page.set_viewport_size(DESK)
        found = await violations(self.page)
        assert not found, f"{name}: {found}"
        assert not self.seen, f"{name}: the console says {self.seen}"

    async def fits(self, template: str) -> None:
        """Hold a page, which is this template's, to the width of a phone: a wide table moves sideways by itself."""
        assert await self.page.locator("main").get_attribute("data-page") == template
        width = await self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{template} is {width} px wide on a phone of {PHONE['width']}"


def complains(told: ConsoleMessage) -> bool:
    """Tell whether the browser found something wrong; that a page has an error's status is no news to it."""
    refused = told.text.startswith("Failed to load resource") and "/assets/" not in told.location["url"]
    return told.type == "error" and not refused


async def violations(page: Page) -> Sequence[str]:
    """Run axe; name each rule that is broken, with where."""
    if not await page.evaluate("typeof axe !== 'undefined'"):
        await page.evaluate(AXE.read_text())
        await page.evaluate("rules => axe.configure({standards: {ariaRoles: {radio: rules}}})", RADIO_RULES)
    found = await page.evaluate(AXE_RUN, list(AXE_TAGS))
    return [
        f"{each['id']}: {each['help']} at {', '.join(str(node['target']) for node in each['nodes'])}" for each in found
    ]


async def signed_in(
    browser: Browser, house: House, username: str, *, scripts: bool = True, at_phone: bool = False
) -> Person:
    """Sign somebody in as they would."""
    context = await browser.new_context(viewport=PHONE if at_phone else DESK, java_script_enabled=scripts)
    context.set_default_timeout(STEP_MS)
    page = await context.new_page()
    person = Person(page, house.estate.endpoints["services"]["staff_ui"]["url"], scripts, at_phone)
    page.on("console", lambda told: person.seen.append(told.text) if complains(told) else None)
    await person.goes("/")
    await page.get_by_label("Username").fill(username)
    await page.get_by_label("Password").fill(house.estate.endpoints["signIn"]["users"][username]["password"])
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{person.url}/**")
    return person


async def going(browser: Browser, house: House, username: str, way: str) -> Person:
    """Sign somebody in who goes one of the WAYS."""
    plain = way == AT_PHONE
    return await signed_in(browser, house, username, scripts=not plain, at_phone=plain)
