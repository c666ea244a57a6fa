"""The main job through every process, in the order of a prison's life: migrated under fire, then kept equal under fire.

The tests of this file share one estate and run in the order they stand in; each leaves both sides equal.
"""

import asyncio
import signal
from random import Random
from typing import Any

import pytest

from infra.local.demo.desk import NotSeen, seen
from infra.local.demo.scenario import STEPS, Scenario, a_cell
from libs.domain.nomis import NomisLocationId
from libs.messaging.queue import Parcel
from libs.web.outgoing import RemoteFailure
from tests.journeys.conftest import House

WORKERS = ("locations", "nomis", "mapping", "migration", "to_nomis", "from_nomis")
SETTLED_SECONDS = 60.0


async def no_differences(house: House) -> None:
    """Wait until both sides are equal and nothing is on any queue."""

    async def equal() -> bool:
        _, found = await house.desk.differences()
        return not found

    await seen(equal, "both sides equal", SETTLED_SECONDS)
    depths = await house.desk.depths()
    assert {name: depth for name, depth in depths.items() if name.endswith("-dlq") and depth} == {}


@pytest.mark.timeout(300)
async def test_a_migration_adds_up_though_every_service_is_killed_in_the_middle(house: House) -> None:
    chance = Random(5)
    started = await house.desk.operator.request("POST", "/migrate/locations", json={}, ok=(202,))
    path = f"/migrate/locations/history/{started.json()['migrationId']}"
    second = await house.desk.operator.request("POST", "/migrate/locations", json={}, ok=(409,))
    assert started.json()["migrationId"] in second.json()["developerMessage"]
    for name in chance.sample(WORKERS[:4], 4):
        house.estate.kill(name, signal.SIGKILL)
        await house.estate.wait_ready(name)

    async def over() -> dict[str, Any] | None:
        try:
            run: dict[str, Any] = (await house.desk.operator.request("GET", path)).json()
        except RemoteFailure:  # who answers is among those killed
            return None
        return run if run["status"] == "COMPLETED" else None

    run = await seen(over, "the end of the migration", 120)
    assert run["recordsListed"] == run["recordsMigrated"] + run["recordsSkipped"] + run["recordsFailed"]
    assert run["recordsFailed"] == 0
    in_nomis = await house.desk.nomis_database.fetchval("SELECT count(*) FROM agency_internal_locations")
    assert run["recordsListed"] == in_nomis
    await no_differences(house)


async def test_every_step_of_the_demo_is_seen_on_the_other_side(house: House) -> None:
    dps_id, nomis_id = await a_cell(house.desk)
    scenario = Scenario(house.desk, dps_id, nomis_id)
    for _, step in STEPS:
        assert await step(scenario)
    await no_differences(house)


@pytest.mark.timeout(300)
async def test_changes_on_both_sides_all_arrive_though_every_process_is_killed_among_them(house: House) -> None:
    chance = Random(9)
    rows = await house.desk.locations_database.fetch(
        """
        SELECT l.id, s.nomis_location_id FROM location l JOIN sync_state s ON s.location_id = l.id
         WHERE l.location_type = 'CELL' AND l.active AND NOT l.archived AND l.converted_cell_type IS NULL
           AND l.accommodation_type = 'NORMAL_ACCOMMODATION' AND l.working_capacity >= 1
         ORDER BY l.path_hierarchy LIMIT 30
        """
    )
    victims = [*WORKERS, "broker"]
    chance.shuffle(victims)
    for number, row in enumerate(rows):
        await edited_by_staff(house, row["id"], 20 + number)
        await house.desk.screen(
            "UPDATE agency_internal_locations SET comment_text = $2 WHERE internal_location_id = $1",
            row["nomis_location_id"],
            f"edit {number}",
        )
        if number % 4 == 0 and victims:
            house.estate.kill(victims.pop(), signal.SIGKILL)
    for name in (*WORKERS, "broker"):
        await house.estate.wait_ready(name)
    await no_differences(house)
    for number, row in enumerate(rows):
        there = await house.desk.row(NomisLocationId(row["nomis_location_id"]))
        assert there is not None
        assert (there.capacity, there.comment) == (20 + number, f"edit {number}")


async def edited_by_staff(house: House, dps_id: object, maximum: int) -> None:
    """Set a capacity through the API, again while the service is being started again."""
    for _ in range(600):
        try:
            body = {"maxCapacity": maximum, "workingCapacity": 1}
            await house.desk.staff.request("PUT", f"/locations/{dps_id}/capacity", json=body)
        except RemoteFailure:  # killed in the middle: staff press the button again
            await asyncio.sleep(0.1)
        else:
            return
    raise NotSeen(f"an answer for {dps_id}")


async def test_a_message_nobody_can_read_is_found_in_the_dead_letter_queue_with_its_reason(house: House) -> None:
    name = "to-nomis-locations"
    body = '{"eventType": "x", "additionalInformation": {"id": "no uuid"}}'
    attributes = {"eventType": "location.inside.prison.amended"}
    assert await house.desk.broker.queue(name).send([Parcel(body, attributes)]) == [None]

    async def buried() -> dict[str, Any] | None:
        answer = await house.desk.publisher.request("GET", f"/queue-admin/get-dlq-messages/{name}-dlq")
        found: dict[str, Any] = answer.json()
        return found if found["messages"] else None

    found = await seen(buried, "the message in the dead-letter queue")
    [letter] = found["messages"]
    assert "additionalInformation" in letter["failureReason"]
    assert "no uuid" not in letter["failureReason"]

    async def told() -> bool:
        health = (await house.desk.publisher.request("GET", "/health")).json()["components"][f"{name}-health"]
        return (health["status"], health["details"].get("messagesOnDlq")) == ("UP", "1")

    await seen(told, "health that counts it")
    retried = await house.desk.publisher.request("PUT", f"/queue-admin/retry-dlq/{name}-dlq?rate=50")
    assert retried.json()["messagesFoundCount"] == 1
    await seen(buried, "the message back in the dead-letter queue")
    await house.desk.publisher.request("PUT", f"/queue-admin/purge-queue/{name}-dlq")
    assert (await house.desk.depths())[f"{name}-dlq"] == 0
    unknown = await house.desk.publisher.request("PUT", "/queue-admin/retry-dlq/nope", ok=(404,))
    assert "nope" in unknown.json()["developerMessage"]
