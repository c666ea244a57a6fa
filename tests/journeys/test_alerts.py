"""What alerts tell of, brought about on a running estate, and what the runbook has one type then."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.local.demo.desk import seen
from infra.local.demo.scenario import a_cell, migrate
from libs.domain.events import LocationEventType
from tests.journeys.conftest import House
from tests.journeys.test_operators import QUEUE
from tests.journeys.test_reconciliation import silently
from tests.runbook import lip, played, statements

# `make test-long`.
pytestmark = pytest.mark.long
AWAY, COMMENT = "mapping", "Nobody was told"
EDITED = 8
CELLS = """
    SELECT id, max_capacity, working_capacity FROM location
     WHERE location_type = 'CELL' AND active AND NOT archived AND prison_id = 'LEI' AND max_capacity > 0
     ORDER BY id LIMIT $1
"""
QUIET = """
    SELECT id FROM location
     WHERE location_type = 'CELL' AND active AND NOT archived AND prison_id = 'MDI' ORDER BY id DESC LIMIT 1
"""


async def number(house: House, service: str, name: str) -> float:
    """Read the largest of a service's numbers of this name, as Prometheus would; -1 where there is none."""
    found = house.estate.endpoints
    basic = aiohttp.encode_basic_auth("prometheus", found["signIn"]["clients"]["prometheus"]["secret"])
    async with aiohttp.ClientSession() as session:
        asked = {"grant_type": "client_credentials"}
        async with session.post(found["signIn"]["tokenUrl"], data=asked, headers={"Authorization": basic}) as answer:
            bearer = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
        async with session.get(found["services"][service]["url"] + "/metrics", headers=bearer) as answer:
            page = await answer.text()
    families = text_string_to_metric_families(page)
    return max((each.value for family in families for each in family.samples if each.name == name), default=-1)


def logged(house: House) -> list[str]:
    """Read all that the services and stand-ins have logged, one text for each."""
    return [Path(each["log"]).read_text() for each in house.estate.endpoints["services"].values()]


async def becomes(house: House, service: str, name: str, least: float) -> None:
    """Wait until a number is so large."""

    async def looked() -> bool:
        return await number(house, service, name) >= least

    await seen(looked, f"{name} of {service} at {least:g}")


async def test_polling_pauses_and_a_migration_stalls_while_a_service_is_away(house: House) -> None:
    await migrate(house.desk)
    [spec] = (spec for spec in house.estate.specs if spec.name == AWAY)
    await house.estate.leave(spec)
    started = await lip(house, "migrate", "start", "--prison", "MDI")
    for row in await house.desk.locations_database.fetch(CELLS, EDITED):
        body = {"maxCapacity": row["max_capacity"] + 1, "workingCapacity": row["working_capacity"]}
        await house.desk.staff.request("PUT", f"/locations/{row['id']}/capacity", json=body)
    await becomes(house, "to_nomis", "messaging_paused", 1)
    [said] = await played(house, "PollingPaused")
    assert f"{AWAY} is away" in " ".join(said.out.split()), said.out
    assert started.code == 0, started.err
    await becomes(house, "migration", "migration_active", 1)
    stalled = asyncio.create_task(played(house, "MigrationStalled"))

    async def waits() -> bool:
        run = (await lip(house, "migrate", "history", "--json")).json()[0]["migrationId"]
        told = await house.desk.operator.request("GET", f"/migrate/locations/history/{run}/progress")
        return bool(told.json()["troubles"])

    await seen(waits, "why pages wait")
    await house.estate.join(spec)
    [watched] = await stalled
    assert AWAY in watched.out
    assert "COMPLETED" in watched.out

    async def gone_on() -> bool:
        return await number(house, "to_nomis", "messaging_paused") == 0 and (await house.desk.depths())[QUEUE] == 0

    await seen(gone_on, "nothing waits")


async def test_an_event_that_its_topic_refused_is_published_again(house: House) -> None:
    await migrate(house.desk)
    dps_id, _ = await a_cell(house.desk)
    kind = LocationEventType.AMENDED.value
    await house.desk.locations_database.execute(
        """
        INSERT INTO outbox_dead (id, event_id, topic, key, event_type, body, attributes, created_at, reason)
        VALUES (900000003, gen_random_uuid(), 'domain-events', $1, $2, $3, $4, now(), 'MessageTooLong')
        """,
        str(dps_id),
        kind,
        f'{{"eventType": "{kind}", "additionalInformation": {{"id": "{dps_id}", "key": "LEI-A"}}}}',
        f'{{"eventType": "{kind}"}}',
    )
    await becomes(house, "locations", "messaging_outbox_dead", 1)
    await played(house, "OutboxDead", ROW="900000003")


async def test_what_differs_is_found_and_settled(house: House) -> None:
    await migrate(house.desk)
    # A cell that nobody has touched: one that was edited is looked at again by itself.
    dps_id = await house.desk.locations_database.fetchval(QUIET)
    nomis_id = await house.desk.nomis_id(dps_id)
    own = await house.desk.own(dps_id)
    assert own is not None
    await silently(
        house.desk.nomis_database,
        "UPDATE agency_internal_locations SET comment_text = $2 WHERE internal_location_id = $1",
        nomis_id,
        COMMENT,
    )
    ran = await lip(house, "reconcile", "run", "--no-settle", "--watch", "--json")
    assert ran.code == 1
    await becomes(house, "reconciliation", "reconciliation_run_mismatches", 1)
    await played(house, "Mismatches", RUN=str(ran.json()["runId"]), KEY=own.key)
    await played(house, "CannotSettle")
    await played(house, "ReconciliationLate")
    assert await number(house, "reconciliation", "reconciliation_run_mismatches") < 1
    # Ids and keys are told of it, what somebody wrote is not.
    logs = logged(house)
    assert [COMMENT in told for told in logs] == [False] * len(logs)
    assert any(str(dps_id) in told for told in logs)


async def test_the_process_that_publishes_and_who_waits_for_whom_are_found_in_the_database(house: House) -> None:
    [[leader]], [[waiting]] = statements("NoRelay"), statements("PoolExhausted")
    database = house.desk.locations_database
    assert [row["usename"] for row in await database.fetch(leader)] == ["locations"]
    dps_id, _ = await a_cell(house.desk)
    own = await house.desk.own(dps_id)
    assert own is not None
    body = {"maxCapacity": (own.max_capacity or 0) + 1, "workingCapacity": own.working_capacity or 1}
    async with database.transaction():
        ours = await database.fetchval("SELECT pg_backend_pid() FROM location WHERE id = $1 FOR UPDATE", dps_id)
        edit = asyncio.create_task(house.desk.staff.request("PUT", f"/locations/{dps_id}/capacity", json=body))

        async def held_up() -> bool:
            return [row["waits_for"] for row in await database.fetch(waiting)] == [[ours]]

        await seen(held_up, "an edit that waits for us")
    await edit
