"""Operators with a page that stays open, without scripts, and with the keyboard alone."""

import re

import pytest
from playwright.async_api import Browser, expect

from infra.local.demo.scenario import a_cell
from libs.messaging.queue import Parcel, Queue
from tests.journeys.conftest import House
from tests.journeys.pages.browsing import AT_PHONE, Person, going
from tests.journeys.pages.operating import (
    QUEUE,
    all_died,
    over,
    plant_conflict,
    start,
    tabs_to,
)
from tests.journeys.test_reconciliation import silently


async def test_operations_lead_to_every_part(operator: Person) -> None:
    assert await operator.goes("/operations") == 200
    links = await operator.page.locator("main a").all_inner_texts()
    assert links == ["Migrations", "Sync", "Reconciliation", "Conflicts", "Switch-over"]
    await operator.looks("operations", "operators/front.html")


@pytest.mark.usefixtures("held")
async def test_a_page_that_is_open_follows_what_happens_elsewhere(operator: Person, house: House) -> None:
    await start(operator, "A rehearsal", "MDI")
    await operator.presses("Start")
    tag = operator.page.locator("main .govuk-tag").first
    await expect(tag).to_have_text("Running")
    run = operator.page.url.rpartition("/")[2]
    # What cannot be done meanwhile is said on a page that leads back.
    await operator.goes("/operations/migrations")
    await operator.page.get_by_role("row", name=re.compile("Migration Completed")).get_by_role("link").first.click()
    await operator.presses("Verify against NOMIS")
    assert await operator.heading() == "Nothing was done"
    await operator.looks("refused", "operators/refused.html")
    await operator.goes(f"/operations/migrations/{run}")
    for wish, told in (("pause", "Paused"), ("resume", "Running"), ("cancel", re.compile("[Cc]ancelled"))):
        await house.desk.operator.request("POST", f"/migrate/locations/{run}/{wish}", ok=(202,))
        await expect(tag).to_have_text(told)


@pytest.mark.usefixtures("held")
async def test_a_run_is_paused_resumed_and_cancelled_without_scripts(browser: Browser, house: House) -> None:
    plain = await going(browser, house, "OPERATOR", AT_PHONE)
    await start(plain, "A rehearsal", "MDI")
    await plain.presses("Start")
    await plain.presses("Pause")
    assert await plain.banner() == "Paused"
    assert "Paused" in await plain.page.locator("main .govuk-tag").first.inner_text()
    await plain.fits("operators/migration/page.html")
    await plain.presses("Resume")
    assert await plain.banner() == "Resumed"
    await plain.clicks("Look again")
    assert "Running" in await plain.page.locator("main .govuk-tag").first.inner_text()
    await start(plain, "A rehearsal", "MDI")
    await plain.presses("Start")
    assert "is under way" in await plain.page.locator(".govuk-error-summary").inner_text()
    await plain.fits("act.html")
    await plain.goes("/operations/migrations")
    await plain.page.locator("tbody a").first.click()
    await plain.clicks("Cancel", "button")
    await plain.fits("operators/confirm.html")
    await plain.presses("Cancel the run")
    assert await plain.banner() == "Cancel asked for"
    await plain.page.context.close()


async def test_reconciliation_redrive_and_a_step_are_done_without_scripts(
    browser: Browser, house: House, dead: Queue
) -> None:
    # Not the cell of the tests before: what was changed just now is not judged yet.
    nomis_id = await house.desk.locations_database.fetchval(
        "SELECT s.nomis_location_id FROM location l JOIN sync_state s ON s.location_id = l.id"
        " WHERE l.prison_id = 'LEI' AND l.location_type = 'CELL' ORDER BY l.path_hierarchy DESC LIMIT 1"
    )
    await silently(
        house.desk.nomis_database,
        "UPDATE agency_internal_locations SET comment_text = 'plain' WHERE internal_location_id = $1",
        nomis_id,
    )
    plain = await going(browser, house, "OPERATOR", AT_PHONE)
    await plain.goes("/operations/reconciliation/start")
    await plain.types("Prison (optional)", "LEI")
    await plain.chooses("Report it only")
    await plain.presses("Continue")
    await plain.presses("Start")
    await over(plain)
    await plain.page.locator("input[name=mismatch]").first.check()
    await plain.fits("operators/reconciliation/run.html")
    await plain.presses("Repair the chosen")
    assert await plain.banner() == "1 location to be looked at and settled"
    kind = "location.inside.prison.amended"
    assert await dead.send([Parcel("{}", {"failureReason": "plain", "eventType": kind})]) == [None]
    await plain.goes(f"/operations/sync/{QUEUE}")
    await plain.clicks("Send all back", "button")
    await plain.presses("Continue")
    await plain.presses("Send back")
    assert await plain.banner() == "Sending back 1 dead letter"
    await plain.fits("operators/sync/queue.html")
    await plain.goes("/operations/switch-over/MDI")
    await plain.clicks("Turn NOMIS screens off", "button")
    await plain.types("Why is this step taken?", "to see it")
    await plain.presses("Continue")
    await plain.presses("Take this step")
    assert await plain.banner() == "Moorland: NOMIS screens off"
    await plain.goes("/operations/switch-over/MDI/BOTH_WAYS")
    await plain.types("Why is this step taken?", "seen")
    await plain.presses("Continue")
    await plain.presses("Take this step")
    assert "Both ways" in await plain.banner()
    await all_died(plain, 1)
    await plain.page.context.close()


async def test_a_dead_letter_is_deleted_by_keyboard_alone(operator: Person, dead: Queue) -> None:
    assert await dead.send([Parcel("{}", {"failureReason": "keys"})]) == [None]
    await operator.goes("/operations")
    keys = operator.page.keyboard
    for name, address in (("Sync", "**/sync"), ("DPS to NOMIS", f"**/sync/{QUEUE}")):
        await tabs_to(operator, name)
        await keys.press("Enter")
        await operator.page.wait_for_url(address)
    await tabs_to(operator, "Delete the chosen")
    await keys.press("Enter")
    await operator.page.wait_for_url("**/letters")
    # The summary has the focus when the page comes, so its link is the next stop.
    await keys.press("Tab")
    await keys.press("Enter")
    await keys.press("Space")
    await tabs_to(operator, "Delete the chosen")
    await keys.press("Enter")
    await expect(operator.page.get_by_role("button", name="Delete for good")).to_be_visible()
    await tabs_to(operator, "Delete for good")
    await keys.press("Enter")
    await operator.page.wait_for_url(f"**/sync/{QUEUE}")
    assert await operator.banner() == "1 dead letter deleted"
    assert (await dead.depth()).visible == 0


async def test_a_rehearsal_is_started_by_keyboard_alone(operator: Person) -> None:
    await operator.goes("/operations/migrations")
    keys = operator.page.keyboard
    await tabs_to(operator, "Start a migration")
    await keys.press("Enter")
    await operator.page.wait_for_url("**/start")
    await tabs_to(operator, "A rehearsal")
    await keys.press("Space")
    await tabs_to(operator, "Prisons (optional)")
    await keys.type("zzghi")
    await keys.press("Enter")
    await expect(operator.page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    await tabs_to(operator, "Start")
    await keys.press("Enter")
    await over(operator)
    assert await operator.banner() == "Rehearsal started"


async def test_a_value_is_chosen_in_a_conflict_by_keyboard_alone(operator: Person, house: House) -> None:
    dps_id, _ = await a_cell(house.desk)
    own = await house.desk.own(dps_id)
    assert own is not None
    conflict = await plant_conflict(house, dps_id, own.key)
    await operator.goes(f"/operations/conflicts/{conflict}")
    keys = operator.page.keyboard
    await tabs_to(operator, "Choose the value that NOMIS had")
    await keys.press("Enter")
    await operator.page.wait_for_url("**/choose/NOMIS")
    await tabs_to(operator, "Choose this value")
    await keys.press("Enter")
    await operator.page.wait_for_url(f"**/conflicts/{conflict}")
    assert await operator.banner() == f"{own.key} has the value that NOMIS had"


async def test_a_prison_is_taken_a_step_on_by_keyboard_alone(operator: Person) -> None:
    await operator.goes("/operations/switch-over/MDI")
    keys = operator.page.keyboard
    for step, stage, told in (
        ("Turn NOMIS screens off", "SCREENS_OFF", "NOMIS screens off"),
        ("Turn NOMIS screens on again: both ways", "BOTH_WAYS", "Both ways"),
    ):
        await tabs_to(operator, step)
        await keys.press("Enter")
        await operator.page.wait_for_url(f"**/MDI/{stage}")
        await tabs_to(operator, "Why is this step taken?")
        await keys.type("by keyboard")
        await tabs_to(operator, "Continue")
        await keys.press("Enter")
        await expect(operator.page.get_by_role("button", name="Take this step")).to_be_visible()
        await tabs_to(operator, "Take this step")
        await keys.press("Enter")
        await operator.page.wait_for_url("**/MDI")
        assert await operator.banner() == f"Moorland: {told}"
