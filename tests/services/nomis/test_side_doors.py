"""Agency switches and the rooms that visit bookings make."""

import asyncio
from http import HTTPStatus

import asyncpg
import pytest

from tests.services.nomis.conftest import Client
from tests.services.nomis.prison import CELL, Prison

SWITCH = "/agency-switches/INTERNAL_LOCATIONS/agency/KMI"
EDITS = (
    "UPDATE agency_internal_locations SET capacity = 7 WHERE internal_location_id = 5003",
    "DELETE FROM agency_internal_locations WHERE internal_location_id = 5010",
    (
        "INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type,"
        " description) VALUES ('KMI', 'E', 'WING', 'KMI-E')"
    ),
    "UPDATE agency_internal_locations SET agy_loc_id = 'LEI' WHERE internal_location_id = 5003",
    "INSERT INTO agy_int_loc_profiles VALUES (5003, 'HOU_UNIT_ATT', 'LC')",
    "DELETE FROM agy_int_loc_profiles WHERE internal_location_id = 5003",
    "UPDATE int_loc_usage_locations SET capacity = 5 WHERE usage_location_id = 7001",
)


async def status(client: Client, method: str, path: str = SWITCH) -> int:
    async with client.request(method, path) as answer:
        return answer.status


async def test_a_switch_is_turned_on_and_off_and_repeating_is_done(client: Client) -> None:
    assert await status(client, "GET") == HTTPStatus.NOT_FOUND
    for _ in range(2):
        assert await status(client, "POST") == HTTPStatus.NO_CONTENT
        assert await status(client, "GET") == HTTPStatus.NO_CONTENT
    assert await status(client, "GET", SWITCH.replace("KMI", "LEI")) == HTTPStatus.NOT_FOUND
    for _ in range(2):
        assert await status(client, "DELETE") == HTTPStatus.NO_CONTENT
        assert await status(client, "GET") == HTTPStatus.NOT_FOUND


async def test_an_unknown_prison_cannot_be_switched(client: Client) -> None:
    assert await status(client, "POST", SWITCH.replace("KMI", "QQQ")) == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("module", ["OIMMHOLO", None])
async def test_while_a_switch_is_on_screens_are_refused(
    client: Client, prison: Prison, edit: str, module: str | None
) -> None:
    await status(client, "POST")
    with pytest.raises(asyncpg.RaiseError, match="switched off at KMI"):
        await prison.edit(edit, module=module)
    assert await prison.events() == []
    await status(client, "DELETE")
    await prison.edit("UPDATE agency_internal_locations SET capacity = 7 WHERE internal_location_id = 5003")


@pytest.mark.parametrize("module", ["DPS_SYNCHRONISATION", "DPS_SYNCHRONISATION_X", "PRISON_API", "MERGE"])
async def test_while_a_switch_is_on_all_but_screens_go_on(client: Client, prison: Prison, module: str) -> None:
    await status(client, "POST")
    await prison.edit(EDITS[0], module=module)
    assert (await prison.row())["capacity"] == 7


async def test_while_a_switch_is_on_the_api_and_cell_moves_go_on(client: Client, prison: Prison) -> None:
    await status(client, "POST")
    async with client.put(f"/locations/{CELL}/capacity", json={"capacity": 3}) as answer:
        assert answer.status == HTTPStatus.OK
    await prison.edit("UPDATE agency_internal_locations SET no_of_occupant = 1 WHERE internal_location_id = 5003")
    assert (await prison.row())["no_of_occupant"] == 1


async def test_another_prison_s_screens_stay_on(client: Client, prison: Prison) -> None:
    await status(client, "POST", SWITCH.replace("KMI", "LEI"))
    await prison.edit(EDITS[0])
    assert (await prison.row())["capacity"] == 7


async def room(client: Client, kind: str, prison_id: str = "KMI") -> tuple[int, int]:
    async with client.post(f"/prison/{prison_id}/visits/room", json={"kind": kind}) as answer:
        return answer.status, (await answer.json()).get("locationId")


@pytest.mark.parametrize(
    ("kind", "code", "name"),
    [("SOCIAL", "VSIP_SOC", "VISITS - SOCIAL"), ("CLOSED", "VSIP_CLO", "VISITS - CLOSED")],
)
async def test_n53_a_visit_booking_makes_its_room(
    client: Client, prison: Prison, kind: str, code: str, name: str
) -> None:
    """That the consumer takes it, though DPS_SYNCHRONISATION wrote it, is tested with from_nomis."""
    created, location_id = await room(client, kind)
    assert created == HTTPStatus.CREATED
    row = await prison.row(location_id)
    assert (row["description"], row["parent_internal_location_id"]) == (f"KMI-VISITS-{code}", None)
    assert (row["internal_location_code"], row["internal_location_type"], row["user_desc"]) == (code, "VISIT", name)
    assert (row["capacity"], row["list_seq"], row["unit_type"]) == (99, 99, None)
    assert (row["active_flag"], row["tracking_flag"], row["certified_flag"]) == ("Y", "Y", "N")
    [event] = await prison.events()
    assert event.entries["p_audit_module_name"] == "DPS_SYNCHRONISATION"
    assert event.entries["p_description"].endswith(f"-VISITS-{code}")
    assert "p_old_description" not in event.entries


async def test_a_second_booking_finds_the_room(client: Client) -> None:
    _, first = await room(client, "SOCIAL")
    assert await room(client, "SOCIAL") == (HTTPStatus.OK, first)


async def test_the_room_stands_below_the_one_active_visits_root(client: Client, prison: Prison) -> None:
    insert = (
        "INSERT INTO agency_internal_locations (internal_location_id, agy_loc_id, internal_location_code,"
        " internal_location_type, description, active_flag) VALUES ($1, 'KMI', $2, 'VISIT', $3, $4)"
    )
    await prison.edit(insert, 6000, "VISIT", "KMI-VISIT", "Y", module="MERGE")
    await prison.edit(insert, 6001, "VISITS", "KMI-VISITS", "N", module="MERGE")
    _, below = await room(client, "SOCIAL")
    row = await prison.row(below)
    assert (row["description"], row["parent_internal_location_id"]) == ("KMI-VISIT-VSIP_SOC", 6000)
    await prison.edit("UPDATE agency_internal_locations SET active_flag = 'Y' WHERE internal_location_id = 6001")
    _, alone = await room(client, "CLOSED")
    assert (await prison.row(alone))["parent_internal_location_id"] is None


async def test_an_unknown_prison_has_no_rooms(client: Client) -> None:
    assert (await room(client, "SOCIAL", "QQQ"))[0] == HTTPStatus.BAD_REQUEST


async def test_turning_a_switch_on_waits_for_the_edits_under_way(
    client: Client, prison: Prison, nomis_dsn: str
) -> None:
    watcher = await asyncpg.connect(nomis_dsn)
    try:
        async with asyncio.TaskGroup() as group, prison.screen():
            await prison.connection.execute(EDITS[0])
            turning = group.create_task(status(client, "POST"))
            while not await watcher.fetchval("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)"):
                assert not turning.done()
    finally:
        await watcher.close()
    assert turning.result() == HTTPStatus.NO_CONTENT
    assert (await prison.row())["capacity"] == 7
