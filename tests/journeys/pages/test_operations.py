"""Operators at their pages: migrate, watch, reconcile, decide, switch over.

All of it is done twice: at a desk, and at a phone without scripts.
"""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
from playwright.async_api import Browser, expect

from infra.local.demo.desk import seen
from infra.local.demo.scenario import a_cell
from libs.messaging.queue import Parcel, Queue
from tests.journeys.conftest import House
from tests.journeys.pages.browsing import WAYS, Person, going
from tests.journeys.pages.operating import (
    HOSTILE,
    QUEUE,
    all_died,
    numbers,
    over,
    plant_conflict,
    read_anew,
    start,
    told_to_tick,
)
from tests.journeys.test_reconciliation import silently


@pytest.fixture(scope="module", params=WAYS)
async def operator(request: pytest.FixtureRequest, browser: Browser, house: House) -> AsyncIterator[Person]:
    """Watches over the move."""
    person = await going(browser, house, "OPERATOR", request.param)
    yield person
    await person.page.context.close()


async def test_a_migration_is_started_watched_as_it_goes_verified_and_signed_off(operator: Person) -> None:
    await operator.goes("/operations/migrations/start")
    await operator.looks("migration-start", "act.html")
    await operator.types("Prisons (optional)", "leeds?")
    await operator.presses("Continue")
    said = await operator.page.locator(".govuk-error-summary").inner_text()
    assert "Select a rehearsal or a migration" in said
    assert "Enter prison codes with commas between" in said
    await operator.looks("migration-start-error", "act.html")
    await start(operator, "A rehearsal", "lei, XYI")
    assert "does not know XYI" in await operator.text()
    await operator.page.get_by_role("button", name="Change prisons").click()
    await operator.types("Prisons (optional)", "lei")
    await operator.presses("Continue")
    await operator.looks("migration-check", "check.html")
    await operator.presses("Start")
    assert await operator.banner() == "Rehearsal started"
    await over(operator)
    if operator.scripts:
        # The page was not read anew.
        assert await operator.banner() == "Rehearsal started"
    await start(operator, "A migration", "LEI")
    await operator.presses("Start")
    await over(operator)
    told = await operator.page.locator(".staff-ui-legend").inner_text()
    row = await operator.page.locator("tr", has_text="All").first.inner_text()
    listed, *parts = numbers(row)
    assert sum(parts) == sum(numbers(told)) == listed > 0
    await operator.looks("migration", "operators/migration/page.html")
    await operator.page.get_by_role("link", name=re.compile("^Show those for")).first.click()
    await operator.looks("migration-items", "operators/migration/items.html")
    await operator.page.go_back()
    await operator.presses("Verify against NOMIS")
    await over(operator)
    await operator.clicks("Sign-off report", "button")
    assert "LEI" in await operator.text()
    await operator.looks("sign-off", "operators/sign_off.html")
    await operator.goes("/operations/migrations")
    assert {"Rehearsal", "Migration", "Verification"} <= set((await operator.text()).split())
    await operator.looks("migrations", "operators/migrations.html")


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
    await operator.looks("migration-failed", "operators/migration/page.html")
    await operator.page.get_by_role("link", name=re.compile("^Show those for: <script>")).click()
    await operator.looks("migration-failed-items", "operators/migration/items.html")
    await operator.presses("Try the chosen again")
    await operator.looks("migration-failed-none-chosen", "operators/migration/items.html")
    await told_to_tick(operator, "Select at least one location", "id")
    await operator.presses("Try the chosen again")
    assert await operator.banner() == "1 location to be tried again"
    await over(operator)
    await operator.presses("Try these again")
    assert await operator.banner() == "1 location to be tried again"
    await over(operator)
    await failing()
    await operator.goes(path)
    await operator.presses("Try all that failed again")
    assert re.search(r"Failed locations\s+2\s", await operator.text())
    await operator.looks("migration-retry-all-check", "operators/confirm.html")
    await operator.clicks("Back")
    await operator.presses("Try all that failed again")
    await operator.presses("Try all again")
    assert await operator.banner() == "2 locations to be tried again"
    await over(operator)
    assert HOSTILE not in await operator.text()


async def test_sync_shows_both_directions_and_dead_letters_go_back_or_away(operator: Person, dead: Queue) -> None:
    await operator.goes("/operations/sync")
    said = await operator.text()
    assert all(each in said for each in ("DPS to NOMIS", "NOMIS to DPS", "Rate", "Lag", "Waiting", "Dead letters"))
    await operator.looks("sync", "operators/sync/page.html")
    kind = "location.inside.prison.amended"
    sent = [Parcel("{}", {"failureReason": HOSTILE, "failureAt": "whenever", "eventType": kind}) for _ in range(3)]
    assert await dead.send(sent) == [None] * 3
    letters = operator.page.get_by_role("link", name="See why letters of DPS to NOMIS died")
    if not operator.scripts:
        await read_anew(operator, "the letters", letters.is_visible)
    # The page is open and follows.
    await expect(letters).to_be_visible(timeout=20_000)
    await operator.goes(f"/operations/sync/{QUEUE}")
    assert (await operator.text()).count(HOSTILE) == 4
    await operator.looks("queue-dead", "operators/sync/queue.html")
    await operator.presses("Delete the chosen")
    await operator.looks("queue-none-chosen", "operators/sync/queue.html")
    await told_to_tick(operator, "Select at least one dead letter", "message")
    chosen = await operator.page.locator("input[name=message]:checked").get_attribute("value")
    await operator.presses("Delete the chosen")
    assert str(chosen) in await operator.text()
    await operator.looks("dead-letters-delete-check", "operators/confirm.html")
    await operator.clicks("Back")
    await expect(operator.page.locator("input[name=message]")).to_have_count(3)
    await operator.page.locator(f"input[value='{chosen}']").check()
    await operator.presses("Delete the chosen")
    await operator.presses("Delete for good")
    assert await operator.banner() == "1 dead letter deleted"
    await operator.page.locator("input[name=message]").first.check()
    await operator.presses("Send the chosen back")
    assert await operator.banner() == "1 dead letter sent back"
    await operator.clicks("Send all back", "button")
    assert await operator.page.get_by_label("How many a second at most?").input_value() == "10"
    await operator.types("How many a second at most?", "9999")
    await operator.presses("Continue")
    assert "must be 500 or fewer" in await operator.text()
    await operator.types("How many a second at most?", "50")
    await operator.presses("Continue")
    await operator.looks("redrive-check", "check.html")
    await operator.presses("Send back")
    assert "Sending back" in await operator.banner()
    await operator.presses("Send back what is no longer held")
    assert await operator.banner() == "0 messages sent back, 0 still held"

    await all_died(operator, 2)


async def test_a_switch_is_changed_after_a_look_at_what_that_means(operator: Person) -> None:
    await operator.goes(f"/operations/sync/{QUEUE}")
    await operator.clicks("Change a switch", "button")
    await operator.looks("switch", "act.html")
    await operator.presses("Continue")
    assert "Select which messages" in await operator.text()
    await operator.chooses("location.inside.prison.amended", "Hold")
    await operator.types("Prison (optional)", "mdi")
    await operator.presses("Continue")
    assert "Held messages wait" in await operator.text()
    await operator.looks("switch-check", "check.html")
    await operator.presses("Change the switch")
    assert await operator.banner() == "location.inside.prison.amended is held for MDI"
    await operator.looks("queue-held", "operators/sync/queue.html")
    await operator.goes(f"/operations/sync/{QUEUE}/switch")
    await operator.chooses("location.inside.prison.amended", "On")
    await operator.types("Prison (optional)", "MDI")
    await operator.presses("Continue")
    await operator.presses("Change the switch")
    assert await operator.banner() == "location.inside.prison.amended is on for MDI"


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
    await operator.looks("sync-refused-events", "operators/sync/page.html")
    await operator.presses("Publish the chosen again")
    await operator.looks("sync-none-chosen", "operators/sync/page.html")
    await told_to_tick(operator, "Select at least one event", "row")
    await operator.goes("/operations/sync")
    await operator.presses("Give the chosen up")
    assert "Select at least one event" in await operator.text()
    await operator.page.get_by_label("Choose event 900000011").check()
    await operator.presses("Give the chosen up")
    assert "They are never published" in await operator.text()
    await operator.looks("give-up-events", "operators/confirm.html")
    await operator.presses("Give up")
    assert await operator.banner() == "1 event given up"
    await operator.page.get_by_label("Choose event 900000012").check()
    await operator.presses("Publish the chosen again")
    assert await operator.banner() == "1 event to be published again"
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
    # Another each time, or the second would find both sides equal.
    comment = f"{operator.at_phone} {HOSTILE}"[:200]
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
    await operator.looks("comparison-start", "act.html")
    await operator.presses("Continue")
    await operator.presses("Start")
    path = operator.page.url.removeprefix(operator.url)
    await over(operator)
    await expect(operator.page.get_by_role("button", name="Repair the chosen")).to_be_visible()
    assert comment in await operator.text()
    await operator.looks("comparison", "operators/reconciliation/run.html")
    answer = await operator.page.request.get(f"{operator.url}{path}/mismatches.csv")
    assert (answer.status, "finding,prisonId,key" in await answer.text()) == (200, True)
    await operator.goes(f"{path}?finding=DIFFERENT")
    await operator.page.locator("h3 a").first.click()
    assert comment in await operator.text()
    await operator.looks("both-sides", "operators/reconciliation/location.html")
    await operator.page.go_back()
    await operator.presses("Repair the chosen")
    assert await operator.page.get_by_role("link", name="All", exact=True).count() == 1
    await operator.looks("comparison-none-chosen", "operators/reconciliation/run.html")
    await told_to_tick(operator, "Select at least one location", "mismatch")
    await operator.presses("Repair the chosen")
    assert await operator.banner() == "1 location to be looked at and settled"
    await operator.goes(f"/operations/reconciliation/location/nomis/{nomis_id}")
    equal = operator.page.get_by_text("Equal", exact=True)
    await read_anew(operator, "both sides equal", equal.is_visible)
    await operator.presses("Repair")
    assert "settles what differs" in await operator.banner()
    await operator.goes(path)
    await operator.presses("Repair all of the run")
    await operator.looks("repair-all-check", "operators/confirm.html")
    await operator.presses("Repair all")
    assert re.fullmatch(r"[\d,]+ locations? to be looked at and settled", await operator.banner())
    await operator.goes("/operations/reconciliation")
    await operator.looks("comparisons", "operators/reconciliation/page.html")


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
        await operator.looks("parked", "operators/reconciliation/parked.html")
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
    await operator.looks("conflicts", "operators/conflicts.html")
    await operator.page.locator(f"a[href$='/conflicts/{conflict}']").click()
    assert HOSTILE in await operator.text()
    await operator.looks("conflict", "operators/conflict.html")
    await operator.presses("Acknowledge")
    assert await operator.banner() == f"Conflict at {own.key} acknowledged"
    await operator.clicks("Choose the value that NOMIS had", "button")
    await operator.looks("conflict-choose", "operators/confirm.html")
    await operator.presses("Choose this value")
    assert await operator.banner() == f"{own.key} has the value that NOMIS had"
    assert "Chosen by hand" in await operator.text()


async def test_a_prison_is_taken_a_step_on_and_back_and_what_blocks_it_is_said(operator: Person) -> None:
    await operator.goes("/operations/switch-over")
    assert "Turn NOMIS screens off" in await operator.text()
    await operator.looks("switch-over", "operators/switch_over.html")
    await operator.clicks("Leeds")
    await operator.looks("prison-both-ways", "operators/prison.html")
    await operator.clicks("Turn NOMIS screens off", "button")
    await operator.presses("Continue")
    assert "Enter why this step is taken" in await operator.text()
    await operator.looks("step-error", "act.html")
    await operator.types("Why is this step taken?", HOSTILE)
    await operator.presses("Continue")
    assert "can no longer edit" in await operator.text()
    await operator.looks("step-check", "check.html")
    await operator.presses("Take this step")
    assert "NOMIS screens off" in await operator.banner()
    said = await operator.text()
    assert HOSTILE in said
    assert re.search(r"Blocked Run \d+ (began before|is not clean)", " ".join(said.split()))
    await operator.looks("prison-screens-off", "operators/prison.html")
    await operator.goes("/operations/switch-over/LEI/ONE_WAY")
    await operator.types("Why is this step taken?", "too early")
    await operator.presses("Continue")
    await operator.presses("Take this step")
    assert "does not lead to ONE_WAY" in await operator.page.locator(".govuk-error-summary").inner_text()
    await operator.goes("/operations/switch-over/LEI/BOTH_WAYS")
    await operator.types("Why is this step taken?", "back again")
    await operator.presses("Continue")
    await operator.presses("Take this step")
    assert "Both ways" in await operator.banner()
