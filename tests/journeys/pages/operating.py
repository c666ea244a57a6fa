"""What operators do again and again at their pages."""

import re
from collections.abc import Awaitable, Callable
from uuid import UUID

from playwright.async_api import expect

from infra.local.demo.desk import seen
from tests.journeys.conftest import House
from tests.journeys.pages.browsing import Person

HOSTILE = """<script>alert("x")</script><img src=x onerror=alert(1)>'"&{{7*7}}"""
QUEUE = "to-nomis-locations"
TABS_MAX = 60


async def all_died(person: Person, count: int) -> None:
    """Wait until so many messages have died of bodies that cannot be read, and none is being sent back."""

    async def died() -> bool:
        await person.goes(f"/operations/sync/{QUEUE}")
        under_way = await person.page.get_by_role("button", name="Stop sending back").count()
        reasons = await person.page.locator("main tr", has_text="Field required").count()
        letters = await person.page.locator("input[name=message]").count()
        # One row for each letter, and one that counts them.
        return (under_way, letters, reasons) == (0, count, count + 1)

    await seen(died, "the letters that died")


async def start(person: Person, kind: str, prisons: str) -> None:
    await person.goes("/operations/migrations")
    await person.clicks("Start a migration", "button")
    await person.page.get_by_label(kind, exact=True).check()
    await person.types("Prisons (optional)", prisons)
    await person.presses("Continue")


async def over(person: Person) -> None:
    """See a run or a comparison come to its end: the page follows by itself, or is read anew."""
    if not person.scripts:
        # The page has come that says what was begun: one on its way is not to be read anew.
        await person.banner()
        await read_anew(person, "the end", lambda: ended(person))
    await expect(person.page.locator("main .govuk-tag").first).to_have_text("Completed")
    # What can be done, and what was left out, come with the end.
    await expect(person.page.get_by_role("link", name="Look again")).to_have_count(0)


async def ended(person: Person) -> bool:
    return await person.page.get_by_role("link", name="Look again").count() == 0


async def read_anew(person: Person, what: str, there: Callable[[], Awaitable[bool]]) -> None:
    """Reload a page until something is there."""

    async def look() -> bool:
        await person.page.reload()
        return await there()

    await seen(look, what)


async def told_to_tick(person: Person, sentence: str, box: str) -> None:
    """See the summary say it, follow its link to the first box, and tick that one."""
    await person.page.locator(".govuk-error-summary").get_by_role("link", name=sentence, exact=True).click()
    focused = await person.page.evaluate("document.activeElement.name + ' ' + document.activeElement.type")
    assert focused == f"{box} checkbox"
    assert await person.page.title() == f"Error: {await person.heading()} – Locations inside prison – GOV.UK"
    await person.page.keyboard.press("Space")


def numbers(text: str) -> list[int]:
    return [int(each.replace(",", "")) for each in re.findall(r"[\d,]+", text)]


async def plant_conflict(house: House, dps_id: UUID, key: str) -> int:
    planted: int = await house.desk.locations_database.fetchval(
        """
        INSERT INTO conflict (location_id, key, field, base, dps, nomis, won, reason, detected_at, detected_by)
        VALUES ($1, $2, 'comments', '"agreed"', '"here"', '"there"', 'DPS', $3, now(), 'SYNC') RETURNING id
        """,
        dps_id,
        key,
        HOSTILE,
    )
    return planted


async def tabs_to(person: Person, name: str) -> None:
    """Press Tab until what has the focus is called so."""
    told = "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
    met = []
    for _ in range(TABS_MAX):
        await person.page.keyboard.press("Tab")
        met.append(await person.page.evaluate(told))
        if met[-1] == name:
            return
    raise AssertionError(f"{name} is not among {met}")
