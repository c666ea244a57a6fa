"""Reconciliation at work: an edit that told nobody is found by a full run and mended by the workers it asks."""

from infra.local.demo.desk import seen
from infra.local.demo.scenario import a_cell, migrate, reconcile
from libs.db.pool import Connection
from tests.journeys.conftest import House

SILENT = "SELECT set_config('nomis.audit_module_name', 'MERGE', true)"
SECONDS = 60.0


async def silently(database: Connection, sql: str, *given: object) -> None:
    """Change NOMIS as the estate generator loads: the triggers tell nobody."""
    async with database.transaction():
        await database.execute(SILENT)
        await database.execute(sql, *given)


async def test_a_difference_planted_on_either_side_is_mended_after_the_next_event_there(house: House) -> None:
    """No run, and nobody asks: the event alone brings the walk, within a minute, on whichever side it was planted."""
    desk = house.desk
    await migrate(desk)
    dps_id, nomis_id = await a_cell(desk)
    own = await desk.own(dps_id)
    assert own is not None
    order = (own.order_within_parent_location or 0) + 1
    await silently(
        desk.nomis_database,
        "UPDATE agency_internal_locations SET comment_text = 'By stealth' WHERE internal_location_id = $1",
        nomis_id,
    )
    await desk.locations_database.execute(
        "UPDATE location SET order_within_parent_location = $2 WHERE id = $1", dps_id, order
    )
    capacity = {"maxCapacity": (own.max_capacity or 0) + 1, "workingCapacity": own.working_capacity or 1}
    await desk.staff.request("PUT", f"/locations/{dps_id}/capacity", json=capacity)

    async def mended() -> bool:
        here, there = await desk.own(dps_id), await desk.row(nomis_id)
        return (
            here is not None
            and there is not None
            and here.comments == there.comment == "By stealth"
            and here.order_within_parent_location == there.list_sequence == order
            and here.max_capacity == there.capacity == capacity["maxCapacity"]
        )

    await seen(mended, "both planted values on both sides", SECONDS)


async def test_an_edit_that_told_nobody_is_found_and_mended(house: House) -> None:
    desk = house.desk
    await migrate(desk)
    dps_id, nomis_id = await a_cell(desk)
    await silently(
        desk.nomis_database,
        "UPDATE agency_internal_locations SET comment_text = 'Nobody knows' WHERE internal_location_id = $1",
        nomis_id,
    )
    run = await reconcile(desk)
    path = f"/locations/reports/reconciliation/{run['runId']}"
    found = (await desk.reconciliation.request("GET", f"{path}/mismatches")).json()
    mine = [each for each in found if each.get("nomisLocationId") == nomis_id]
    assert [each["differences"][0]["field"] for each in mine] == ["comments"]
    await desk.reconciliation.request("PUT", f"{path}/repair", ok=(202,))

    async def mended() -> bool:
        own = await desk.own(dps_id)
        return own is not None and own.comments == "Nobody knows"

    await seen(mended, "the comment in DPS", SECONDS)

    async def settled() -> bool:
        return bool((await desk.reconciliation.request("GET", "/locations/settling")).json()["due"] == 0)

    await seen(settled, "nothing due any more", SECONDS)
    assert not [
        each
        for each in (
            await desk.reconciliation.request(
                "GET", f"{path.rsplit('/', 1)[0]}/{(await reconcile(desk))['runId']}/mismatches"
            )
        ).json()
        if each.get("nomisLocationId") == nomis_id
    ]
