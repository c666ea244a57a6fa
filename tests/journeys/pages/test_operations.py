"""Operators at their pages: migrate, watch, reconcile, decide, switch over; and everybody else kept out."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from playwright.async_api import Browser, expect

from infra.local.demo.desk import seen
from infra.local.demo.scenario import a_cell
from libs.messaging.queue import Parcel, Queue
from services.staff_ui.operators.doors import operator_doors
from tests.journeys.conftest import House
from tests.journeys.pages.browsing import Person, signed_in
from tests.journeys.test_reconciliation import silently

HOSTILE = """<script>alert("x")</script><img src=x onerror=alert(1)>'"&{{7*7}}"""
QUEUE = "to-nomis-locations"
TABS_MAX = 60


@pytest.fixture(scope="module")
async def migration_database(house: House) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(house.estate.endpoints["databases"]["migration"]["dsn"])
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def reconciliation_database(house: House) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(house.estate.endpoints["databases"]["reconciliation"]["dsn"])
    yield connection
    await connection.close()


@pytest.fixture
async def dead(house: House) -> AsyncIterator[Queue]:
    """The dead letters of a queue; none are left to the next test."""
    queue = house.desk.broker.queue(f"{QUEUE}-dlq")
    yield queue
    await queue.purge()


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


async def banner(person: Person) -> str:
    return await person.page.locator(".govuk-notification-banner__heading").inner_text()


async def start(person: Person, kind: str, prisons: str) -> None:
    await person.goes("/operations/migrations")
    await person.clicks("Start a migration", "button")
    await person.page.get_by_label(kind, exact=True).check()
    await person.types("Prisons (optional)", prisons)
    await person.presses("Continue")


async def over(person: Person) -> None:
    await expect(person.page.locator("main .govuk-tag").first).to_have_text("Completed")
    # What can be done, and what was left out, come with the end.
    await expect(person.page.get_by_role("link", name="Look again")).to_have_count(0)


async def told_to_tick(person: Person, sentence: str, box: str) -> None:
    """See the summary say it, follow its link to the first box, and tick that one."""
    await person.page.locator(".govuk-error-summary").get_by_role("link", name=sentence, exact=True).click()
    focused = await person.page.evaluate("document.activeElement.name + ' ' + document.activeElement.type")
    assert focused == f"{box} checkbox"
    assert await person.page.title() == f"Error: {await person.heading()} – Locations inside prison – GOV.UK"
    await person.page.keyboard.press("Space")


def numbers(text: str) -> list[int]:
    return [int(each.replace(",", "")) for each in re.findall(r"[\d,]+", text)]


async def test_operations_lead_to_every_part(operator: Person) -> None:
    assert await operator.goes("/operations") == 200
    links = await operator.page.locator("main a").all_inner_texts()
    assert links == ["Migrations", "Sync", "Reconciliation", "Conflicts", "Switch-over"]
    await operator.looks("operations")


async def test_a_migration_is_started_watched_as_it_goes_verified_and_signed_off(operator: Person) -> None:
    await operator.goes("/operations/migrations/start")
    await operator.looks("migration-start")
    await operator.types("Prisons (optional)", "leeds?")
    await operator.presses("Continue")
    said = await operator.page.locator(".govuk-error-summary").inner_text()
    assert "Select a rehearsal or a migration" in said
    assert "Enter prison codes with commas between" in said
    await operator.looks("migration-start-error")
    await start(operator, "A rehearsal", "lei, XYI")
    assert "does not know XYI" in await operator.text()
    await operator.page.get_by_role("button", name="Change prisons").click()
    await operator.types("Prisons (optional)", "lei")
    await operator.presses("Continue")
    await operator.looks("migration-check")
    await operator.presses("Start")
    assert await banner(operator) == "Started"
    await over(operator)
    assert await banner(operator) == "Started"
    await start(operator, "A migration", "LEI")
    await operator.presses("Start")
    await over(operator)
    told = await operator.page.locator(".staff-ui-legend").inner_text()
    row = await operator.page.locator("tr", has_text="All").first.inner_text()
    listed, *parts = numbers(row)
    assert sum(parts) == sum(numbers(told)) == listed > 0
    await operator.looks("migration")
    await operator.page.get_by_role("link", name=re.compile("^Show those for")).first.click()
    await operator.looks("migration-items")
    await operator.page.go_back()
    await operator.presses("Verify against NOMIS")
    await over(operator)
    await operator.clicks("Sign-off report", "button")
    assert "LEI" in await operator.text()
    await operator.looks("sign-off")
    await operator.goes("/operations/migrations")
    assert {"Rehearsal", "Migration", "Verification"} <= set((await operator.text()).split())
    await operator.looks("migrations")


async def test_failed_locations_are_tried_again_one_by_one_by_reason_and_all(
    operator: Person, migration_database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def failing() -> str:
        run = await migration_database.fetchval(
            "SELECT max(migration_id) FROM migration_history WHERE migration_type = 'LOCATIONS'"
        )
        await migration_database.execute(
            "UPDATE migration_item SET state = 'failed', reason = $2 WHERE migration_id = $1 AND nomis_id IN"
            " (SELECT nomis_id FROM migration_item WHERE migration_id = $1 AND dps_id IS NOT NULL ORDER BY 1 LIMIT 2)",
            run,
            HOSTILE,
        )
        return f"/operations/migrations/{run}"

    path = await failing()
    await operator.goes(path)
    assert HOSTILE in await operator.text()
    await operator.looks("migration-failed")
    await operator.page.get_by_role("link", name=re.compile("^Show those for: <script>")).click()
    await operator.looks("migration-failed-items")
    await operator.presses("Try the chosen again")
    await operator.looks("migration-failed-none-chosen")
    await told_to_tick(operator, "Select at least one location", "id")
    await operator.presses("Try the chosen again")
    assert await banner(operator) == "1 location to be tried again"
    await over(operator)
    await operator.presses("Try these again")
    assert await banner(operator) == "1 location to be tried again"
    await over(operator)
    await failing()
    await operator.goes(path)
    await operator.presses("Try all that failed again")
    assert re.search(r"Failed locations\s+2\s", await operator.text())
    await operator.looks("migration-retry-all-check")
    await operator.clicks("Back")
    await operator.presses("Try all that failed again")
    await operator.presses("Try all again")
    assert await banner(operator) == "2 locations to be tried again"
    await over(operator)
    assert HOSTILE not in await operator.text()


@pytest.fixture
async def held(house: House) -> AsyncIterator[None]:
    """A migration whose work is set aside, so that a run lasts as long as the test looks at it."""
    types = (await house.desk.operator.request("GET", "/queue-admin/switches")).json()["eventTypes"]

    async def switch(mode: str) -> None:
        for each in types:
            await house.desk.operator.request("PUT", f"/queue-admin/switches/{each}", json={"mode": mode})

    async def over() -> bool:
        found = (await house.desk.operator.request("GET", "/migrate/locations/active-migration")).json()
        return found["status"] in {"COMPLETED", "CANCELLED"}

    await switch("hold")
    yield
    await switch("on")
    await seen(over, "the end of what was held")


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
    await operator.looks("refused")
    await operator.goes(f"/operations/migrations/{run}")
    for wish, told in (("pause", "Paused"), ("resume", "Running"), ("cancel", re.compile("[Cc]ancelled"))):
        await house.desk.operator.request("POST", f"/migrate/locations/{run}/{wish}", ok=(202,))
        await expect(tag).to_have_text(told)


@pytest.mark.usefixtures("held")
async def test_a_run_is_paused_resumed_and_cancelled_without_scripts(browser: Browser, house: House) -> None:
    plain = await signed_in(browser, house, "OPERATOR", scripts=False)
    await start(plain, "A rehearsal", "MDI")
    await plain.presses("Start")
    await plain.presses("Pause")
    assert await banner(plain) == "Paused"
    assert "Paused" in await plain.page.locator("main .govuk-tag").first.inner_text()
    await plain.looks("migration-paused-plain")
    await plain.presses("Resume")
    assert await banner(plain) == "Resumed"
    await plain.clicks("Look again")
    assert "Running" in await plain.page.locator("main .govuk-tag").first.inner_text()
    await start(plain, "A rehearsal", "MDI")
    await plain.presses("Start")
    assert "is under way" in await plain.page.locator(".govuk-error-summary").inner_text()
    await plain.looks("migration-start-refused-plain")
    await plain.goes("/operations/migrations")
    await plain.page.locator("tbody a").first.click()
    await plain.clicks("Cancel", "button")
    await plain.looks("migration-cancel-plain")
    await plain.presses("Cancel the run")
    assert await banner(plain) == "Cancel asked for"
    await plain.page.context.close()


async def test_sync_shows_both_directions_and_dead_letters_go_back_or_away(operator: Person, dead: Queue) -> None:
    await operator.goes("/operations/sync")
    said = await operator.text()
    assert all(each in said for each in ("DPS to NOMIS", "NOMIS to DPS", "Rate", "Lag", "Waiting", "Dead letters"))
    await operator.looks("sync")
    kind = "location.inside.prison.amended"
    sent = [Parcel("{}", {"failureReason": HOSTILE, "failureAt": "whenever", "eventType": kind}) for _ in range(3)]
    assert await dead.send(sent) == [None] * 3
    # The page is open and follows.
    letters = operator.page.get_by_role("link", name="See why letters of DPS to NOMIS died")
    await expect(letters).to_be_visible(timeout=20_000)
    await operator.goes(f"/operations/sync/{QUEUE}")
    assert (await operator.text()).count(HOSTILE) == 4
    await operator.looks("queue-dead")
    await operator.presses("Delete the chosen")
    await operator.looks("queue-none-chosen")
    await told_to_tick(operator, "Select at least one dead letter", "message")
    chosen = await operator.page.locator("input[name=message]:checked").get_attribute("value")
    await operator.presses("Delete the chosen")
    assert str(chosen) in await operator.text()
    await operator.looks("dead-letters-delete-check")
    await operator.clicks("Back")
    assert await operator.page.locator("input[name=message]").count() == 3
    await operator.page.locator(f"input[value='{chosen}']").check()
    await operator.presses("Delete the chosen")
    await operator.presses("Delete for good")
    assert await banner(operator) == "1 dead letter deleted"
    await operator.page.locator("input[name=message]").first.check()
    await operator.presses("Send the chosen back")
    assert await banner(operator) == "1 dead letter sent back"
    await operator.clicks("Send all back", "button")
    assert await operator.page.get_by_label("How many a second at most?").input_value() == "10"
    await operator.types("How many a second at most?", "9999")
    await operator.presses("Continue")
    assert "must be 500 or fewer" in await operator.text()
    await operator.looks("redrive-error")
    await operator.types("How many a second at most?", "50")
    await operator.presses("Continue")
    await operator.looks("redrive-check")
    await operator.presses("Send back")
    assert "Sending back" in await banner(operator)
    await operator.presses("Send back what is no longer held")
    assert await banner(operator) == "0 messages sent back, 0 still held"

    await all_died(operator, 2)


async def test_a_switch_is_changed_after_a_look_at_what_that_means(operator: Person) -> None:
    await operator.goes(f"/operations/sync/{QUEUE}")
    await operator.clicks("Change a switch", "button")
    await operator.looks("switch")
    await operator.presses("Continue")
    assert "Select which messages" in await operator.text()
    await operator.chooses("location.inside.prison.amended", "Hold")
    await operator.types("Prison (optional)", "mdi")
    await operator.presses("Continue")
    assert "Held messages wait" in await operator.text()
    await operator.looks("switch-check")
    await operator.presses("Change the switch")
    assert await banner(operator) == "location.inside.prison.amended is held for MDI"
    await operator.looks("queue-held")
    await operator.goes(f"/operations/sync/{QUEUE}/switch")
    await operator.chooses("location.inside.prison.amended", "On")
    await operator.types("Prison (optional)", "MDI")
    await operator.presses("Continue")
    await operator.presses("Change the switch")
    assert await banner(operator) == "location.inside.prison.amended is on for MDI"


@pytest.mark.usefixtures("dead")
async def test_events_that_were_refused_are_published_again_or_given_up(operator: Person, house: House) -> None:
    await house.desk.locations_database.execute(
        """
        INSERT INTO outbox_dead (id, event_id, topic, key, event_type, body, attributes, created_at, reason)
        SELECT id, gen_random_uuid(), 'domain-events', 'K', 'location.inside.prison.amended', '{}', '{}', now(), $1
          FROM unnest(ARRAY[900000011, 900000012]::bigint[]) id
        """,
        HOSTILE,
    )
    await operator.goes("/operations/sync")
    assert HOSTILE in await operator.text()
    await operator.looks("sync-refused-events")
    await operator.presses("Publish the chosen again")
    await operator.looks("sync-none-chosen")
    await told_to_tick(operator, "Select at least one event", "row")
    await operator.goes("/operations/sync")
    await operator.presses("Give the chosen up")
    assert "Select at least one event" in await operator.text()
    await operator.page.get_by_label("Choose event 900000011").check()
    await operator.presses("Give the chosen up")
    assert "They are never published" in await operator.text()
    await operator.looks("give-up-events")
    await operator.presses("Give up")
    assert await banner(operator) == "1 event given up"
    await operator.page.get_by_label("Choose event 900000012").check()
    await operator.presses("Publish the chosen again")
    assert await banner(operator) == "1 event to be published again"
    # Nobody can read it, so it ends with the dead letters of all who are told; the next test finds none of ours.
    for queue in ("to-nomis-locations-dlq", "reconciliation-locations-dlq"):
        dead = house.desk.broker.queue(queue)

        async def arrived(dead: Queue = dead) -> bool:
            return (await dead.depth()).visible >= 1

        await seen(arrived, f"the event that nobody can read, on {queue}")
        await dead.purge()
    # What is kept is published once more when a broker forgot its topics, as the next journey has it do.
    await house.desk.locations_database.execute("DELETE FROM outbox WHERE key = 'K'")


async def test_what_differs_is_shown_side_by_side_and_repaired(operator: Person, house: House) -> None:
    _, nomis_id = await a_cell(house.desk)
    comment = HOSTILE[:200]
    await silently(
        house.desk.nomis_database,
        "UPDATE agency_internal_locations SET comment_text = $2 WHERE internal_location_id = $1",
        nomis_id,
        comment,
    )
    await operator.goes("/operations/reconciliation")
    await operator.clicks("Compare both systems", "button")
    await operator.types("Prison (optional)", "LEI")
    await operator.chooses("Report it only")
    await operator.looks("comparison-start")
    await operator.presses("Continue")
    await operator.presses("Start")
    path = operator.page.url.removeprefix(operator.url)
    await expect(operator.page.locator("#facts .govuk-tag")).to_have_text("Completed")
    await expect(operator.page.get_by_role("button", name="Repair the chosen")).to_be_visible()
    assert comment in await operator.text()
    await operator.looks("comparison")
    answer = await operator.page.request.get(f"{operator.url}{path}/mismatches.csv")
    assert (answer.status, "finding,prisonId,key" in await answer.text()) == (200, True)
    await operator.goes(f"{path}?finding=DIFFERENT")
    await operator.page.locator("h3 a").first.click()
    assert comment in await operator.text()
    await operator.looks("both-sides")
    await operator.page.go_back()
    await operator.presses("Repair the chosen")
    assert await operator.page.get_by_role("link", name="All", exact=True).count() == 1
    await operator.looks("comparison-none-chosen")
    await told_to_tick(operator, "Select at least one location", "mismatch")
    await operator.presses("Repair the chosen")
    assert await banner(operator) == "1 location to be looked at and settled"
    await operator.goes(f"/operations/reconciliation/location/nomis/{nomis_id}")

    async def equal() -> bool:
        await operator.page.reload()
        return await operator.page.get_by_text("Equal", exact=True).count() == 1

    await seen(equal, "both sides equal")
    await operator.presses("Repair")
    assert "settles what differs" in await banner(operator)
    await operator.goes(path)
    await operator.presses("Repair all of the run")
    await operator.looks("repair-all-check")
    await operator.presses("Repair all")
    assert re.fullmatch(r"[\d,]+ locations? to be looked at and settled", await banner(operator))
    await operator.goes("/operations/reconciliation")
    await operator.looks("comparisons")


async def test_what_nothing_could_settle_is_listed_with_its_reason(
    operator: Person, reconciliation_database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await reconciliation_database.execute(
        "INSERT INTO due (side, id, prison_id, due_at, since, parked_at, reason, key)"
        " VALUES ('NOMIS', '-77', 'LEI', now(), now(), now(), $1, 'LEI-PARKED')",
        HOSTILE,
    )
    try:
        await operator.goes("/operations/reconciliation/parked")
        assert HOSTILE in await operator.text()
        await operator.looks("parked")
    finally:
        await reconciliation_database.execute("DELETE FROM due WHERE id = '-77'")


async def test_a_conflict_is_found_acknowledged_and_turned_round(operator: Person, house: House) -> None:
    dps_id, _ = await a_cell(house.desk)
    own = await house.desk.own(dps_id)
    assert own is not None
    conflict = await plant_conflict(house, dps_id, own.key)
    await operator.goes("/operations/conflicts")
    await operator.types("Prison", "lei")
    await operator.page.get_by_label("Acknowledged").select_option("Not yet")
    await operator.presses("Filter")
    assert own.key in await operator.text()
    await operator.looks("conflicts")
    await operator.page.locator(f"a[href$='/conflicts/{conflict}']").click()
    assert HOSTILE in await operator.text()
    await operator.looks("conflict")
    await operator.presses("Acknowledge")
    assert await banner(operator) == f"Conflict at {own.key} acknowledged"
    await operator.clicks("Choose the value that NOMIS had", "button")
    await operator.looks("conflict-choose")
    await operator.presses("Choose this value")
    assert await banner(operator) == f"{own.key} has the value that NOMIS had"
    assert "Chosen by hand" in await operator.text()


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


async def test_a_prison_is_taken_a_step_on_and_back_and_what_blocks_it_is_said(operator: Person) -> None:
    await operator.goes("/operations/switch-over")
    assert "Turn NOMIS screens off" in await operator.text()
    await operator.looks("switch-over")
    await operator.clicks("Leeds")
    await operator.looks("prison-both-ways")
    await operator.clicks("Turn NOMIS screens off", "button")
    await operator.presses("Continue")
    assert "Enter why this step is taken" in await operator.text()
    await operator.looks("step-error")
    await operator.types("Why is this step taken?", HOSTILE)
    await operator.presses("Continue")
    assert "can no longer edit" in await operator.text()
    await operator.looks("step-check")
    await operator.presses("Take this step")
    assert "NOMIS screens off" in await banner(operator)
    said = await operator.text()
    assert HOSTILE in said
    assert re.search(r"Blocked run \d+ (began before|is not clean)", " ".join(said.split()))
    await operator.looks("prison-screens-off")
    await operator.goes("/operations/switch-over/LEI/ONE_WAY")
    await operator.types("Why is this step taken?", "too early")
    await operator.presses("Continue")
    await operator.presses("Take this step")
    assert "does not lead to ONE_WAY" in await operator.page.locator(".govuk-error-summary").inner_text()
    await operator.goes("/operations/switch-over/LEI/BOTH_WAYS")
    await operator.types("Why is this step taken?", "back again")
    await operator.presses("Continue")
    await operator.presses("Take this step")
    assert "Both ways" in await banner(operator)


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
    plain = await signed_in(browser, house, "OPERATOR", scripts=False)
    await plain.goes("/operations/reconciliation/start")
    await plain.types("Prison (optional)", "LEI")
    await plain.chooses("Report it only")
    await plain.presses("Continue")
    await plain.presses("Start")
    path = plain.page.url.removeprefix(plain.url)

    async def compared() -> bool:
        await plain.goes(path)
        return await plain.page.get_by_text("Look again").count() == 0

    await seen(compared, "the end of the comparison")
    await plain.page.locator("input[name=mismatch]").first.check()
    await plain.looks("comparison-plain")
    await plain.presses("Repair the chosen")
    assert await banner(plain) == "1 location to be looked at and settled"
    kind = "location.inside.prison.amended"
    assert await dead.send([Parcel("{}", {"failureReason": "plain", "eventType": kind})]) == [None]
    await plain.goes(f"/operations/sync/{QUEUE}")
    await plain.clicks("Send all back", "button")
    await plain.presses("Continue")
    await plain.presses("Send back")
    assert await banner(plain) == "Sending back 1 dead letter"
    await plain.looks("queue-plain")
    await plain.goes("/operations/switch-over/MDI")
    await plain.clicks("Turn NOMIS screens off", "button")
    await plain.types("Why is this step taken?", "to see it")
    await plain.presses("Continue")
    await plain.presses("Take this step")
    assert await banner(plain) == "Moorland: NOMIS screens off"
    await plain.goes("/operations/switch-over/MDI/BOTH_WAYS")
    await plain.types("Why is this step taken?", "seen")
    await plain.presses("Continue")
    await plain.presses("Take this step")
    assert "Both ways" in await banner(plain)
    await all_died(plain, 1)
    await plain.page.context.close()


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
    assert await banner(operator) == "1 dead letter deleted"
    assert (await dead.depth()).visible == 0


async def test_a_forged_form_of_an_operator_changes_nothing(operator: Person) -> None:
    kind = "location.inside.prison.amended"
    path = f"{operator.url}/operations/sync/{QUEUE}/switch"
    await operator.goes(f"/operations/sync/{QUEUE}/switch")
    hidden = operator.page.locator("main input[name=_csrf]")
    token = str(await hidden.get_attribute("value"))
    filled: dict[str, str | float | bool] = {"_step": "confirm", "type": kind, "mode": "hold", "prison": "MDI"}

    async def modes() -> set[str]:
        await operator.goes(f"/operations/sync/{QUEUE}")
        rows = operator.page.get_by_role("row", name=re.compile(f"^{re.escape(kind)} MDI"))
        return {each.strip() for each in await rows.locator("td").last.all_inner_texts()}

    before = await modes()
    assert "Held" not in before
    for csrf, origin in (("x", operator.url), (token, "https://evil.example")):
        sent = {**filled, "_csrf": csrf}
        answer = await operator.page.request.post(path, form=sent, headers={"Origin": origin})
        assert answer.status == 403
        assert await modes() == before
    # The same form, ours, does what it says.
    for mode, told in (("hold", {"Held"}), ("on", {"On"})):
        sent = {**filled, "_csrf": token, "mode": mode}
        answer = await operator.page.request.post(path, form=sent, headers={"Origin": operator.url})
        assert answer.status == 200
        assert {each.capitalize() for each in await modes()} == told


async def test_nobody_but_operators_gets_to_any_of_it(staff: Person, operator: Person) -> None:
    assert await staff.goes("/") == 200
    hidden = staff.page.locator("form[action='/sign-out'] input[type=hidden]").first
    field, token = str(await hidden.get_attribute("name")), str(await hidden.get_attribute("value"))
    filled = {"runId": "1", "wish": "pause", "queue": QUEUE, "side": "dps", "locationId": "1", "conflictId": "1"}
    filled |= {"prisonId": "LEI", "stage": "ONE_WAY"}
    let_in, unguarded = [], []
    for door in operator_doors():
        path = re.sub(r"\{(\w+)(:[^}]*)?\}", lambda found: filled[found[1]], door.path)
        origin = {"Origin": staff.url}
        if door.method == "POST":
            mine = await staff.page.request.post(f"{staff.url}{path}", form={field: token}, headers=origin)
            forged = await operator.page.request.post(f"{operator.url}{path}", form={field: "x"}, headers=origin)
            unguarded += [] if forged.status == 403 else [path]
        else:
            mine = await staff.page.request.get(f"{staff.url}{path}")
        let_in += [] if mine.status == 403 else [(door.method, path, mine.status)]
    assert (let_in, unguarded) == ([], [])


@pytest.mark.parametrize(
    "path",
    [
        "/operations/migrations/2000-01-01T00:00:00",
        "/operations/migrations/no%20such%20run",
        "/operations/sync/no-such-queue",
        "/operations/reconciliation/99999999",
        "/operations/reconciliation/location/dps/00000000-0000-0000-0000-00000000dead",
        "/operations/conflicts/99999999",
        "/operations/conflicts/nonsense",
        "/operations/switch-over/nonsense",
        "/operations/switch-over/LEI/NOWHERE",
    ],
)
async def test_what_is_not_there_is_said_to_be_not_there(operator: Person, path: str) -> None:
    assert await operator.goes(path) == 404
    assert await operator.heading() == "Page not found"
