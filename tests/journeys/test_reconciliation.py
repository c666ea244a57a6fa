"""Reconciliation at work: an edit that told nobody is found by a full run and mended by the workers it asks."""

from infra.local.demo.desk import seen
from infra.local.demo.scenario import a_cell, migrate, reconcile
from tests.journeys.conftest import House

SILENT = "SELECT set_config('nomis.audit_module_name', 'MERGE', true)"
SECONDS = 60.0


async def test_an_edit_that_told_nobody_is_found_and_mended(house: House) -> None:
    desk = house.desk
    await migrate(desk)
    dps_id, nomis_id = await a_cell(desk)
    async with desk.nomis_database.transaction():
        # As the estate generator loads: the triggers stay silent.
        await desk.nomis_database.execute(SILENT)
        await desk.nomis_database.execute(
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
