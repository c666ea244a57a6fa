"""Conditional writes, two writers at once, and waiting for a row: `If-Match` is ours, the row lock is NOMIS's."""

import asyncio
from http import HTTPStatus

import asyncpg
from aiohttp.test_utils import TestClient, TestServer

from services.nomis import app
from services.nomis.settings import Settings
from tests.services.nomis.conftest import Client
from tests.services.nomis.prison import CELL, WORKSHOP, Prison
from tests.services.nomis.test_writes import SAME_CELL, SAME_WORKSHOP

CAPACITY = f"/locations/{CELL}/capacity"


async def tag(client: Client) -> str:
    async with client.get(f"/locations/{CELL}") as answer:
        return answer.headers["ETag"]


async def test_a_write_against_the_version_that_was_read_goes_through_and_names_the_next(client: Client) -> None:
    read = await tag(client)
    async with client.put(CAPACITY, json={"capacity": 3}, headers={"If-Match": read}) as answer:
        assert answer.status == HTTPStatus.OK
        moved = answer.headers["ETag"]
    assert moved != read
    assert moved == await tag(client)


async def test_a_write_against_an_older_version_is_refused_and_nothing_changes(client: Client, prison: Prison) -> None:
    read = await tag(client)
    await prison.edit("UPDATE agency_internal_locations SET cna_no = 2 WHERE internal_location_id = 5003")
    async with client.put(CAPACITY, json={"capacity": 3}, headers={"If-Match": read}) as answer:
        assert answer.status == HTTPStatus.PRECONDITION_FAILED
    assert (await prison.row())["capacity"] == 2


async def test_profiles_and_usages_move_the_version(client: Client, prison: Prison) -> None:
    read = await tag(client)
    await prison.edit("DELETE FROM agy_int_loc_profiles WHERE int_loc_profile_code = 'WD'")
    without = await tag(client)
    await prison.edit(
        "INSERT INTO int_loc_usage_locations (internal_location_usage_id, internal_location_id) VALUES (901, 5003)"
    )
    assert len({read, without, await tag(client)}) == 3


async def test_occupancy_moves_no_version(client: Client, prison: Prison) -> None:
    read = await tag(client)
    await prison.edit("UPDATE agency_internal_locations SET no_of_occupant = 1 WHERE internal_location_id = 5003")
    assert await tag(client) == read


async def test_where_the_setting_is_off_there_is_no_tag_and_no_condition(
    nomis_settings: Settings, sync_headers: dict[str, str], prison: Prison
) -> None:
    plain = nomis_settings.model_copy(update={"conditional_writes": False})
    async with app.build(plain) as built, TestClient(TestServer(built), headers=sync_headers) as client:
        async with client.get(f"/locations/{CELL}") as answer:
            assert "ETag" not in answer.headers
        async with client.put(CAPACITY, json={"capacity": 3}, headers={"If-Match": '"old"'}) as answer:
            assert (answer.status, "ETag" in answer.headers) == (HTTPStatus.OK, False)
    assert (await prison.row())["capacity"] == 3


async def test_n52_two_writes_at_once_both_survive(client: Client, prison: Prison) -> None:
    async with asyncio.TaskGroup() as group:
        for n in range(10):
            group.create_task(put_ok(client, "capacity", {"capacity": 3 + n, "operationalCapacity": 2}))
            group.create_task(put_ok(client, "certification", {"cnaCapacity": 7, "certified": False}))
    row = await prison.row()
    assert (row["operation_capacity"], row["cna_no"], row["certified_flag"]) == (2, 7, "N")


async def put_ok(client: Client, what: str, body: dict[str, object]) -> None:
    async with client.put(f"/locations/{CELL}/{what}", json=body) as answer:
        assert answer.status == HTTPStatus.OK


async def test_a_row_that_stays_locked_is_a_500_and_not_a_hang(
    nomis_settings: Settings, sync_headers: dict[str, str], prison: Prison, nomis_dsn: str
) -> None:
    impatient = nomis_settings.model_copy(update={"lock_milliseconds": 20})
    screen = await asyncpg.connect(nomis_dsn)
    try:
        async with app.build(impatient) as built, TestClient(TestServer(built), headers=sync_headers) as client:
            async with screen.transaction():
                await screen.execute(
                    "SELECT 1 FROM agency_internal_locations WHERE internal_location_id = 5003 FOR UPDATE"
                )
                async with client.put(CAPACITY, json={"capacity": 3}) as answer:
                    assert answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
            async with client.put(CAPACITY, json={"capacity": 3}) as answer:
                assert answer.status == HTTPStatus.OK
    finally:
        await screen.close()
    assert (await prison.row())["capacity"] == 3


async def write_during(
    client: Client, prison: Prison, dsn: str, screen: str, path: str, body: dict[str, object]
) -> int:
    """Have a screen edit, ask for the write against what was there before, and let the screen commit once it waits."""
    async with client.get(path.removesuffix("/capacity")) as answer:
        read = answer.headers["ETag"]
    watcher = await asyncpg.connect(dsn)
    try:
        async with asyncio.TaskGroup() as group, prison.screen():
            await prison.connection.execute(screen)
            write = group.create_task(status_of(client, path, body, {"If-Match": read}), name="waits for the screen")
            while not await watcher.fetchval("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)"):
                assert not write.done()
    finally:
        await watcher.close()
    return write.result()


async def test_a_write_that_waited_for_a_screen_sees_what_the_screen_did(
    client: Client, prison: Prison, nomis_dsn: str
) -> None:
    edit = "UPDATE agency_internal_locations SET cna_no = 2 WHERE internal_location_id = 5003"
    status = await write_during(client, prison, nomis_dsn, edit, CAPACITY, {"capacity": 3})
    assert status == HTTPStatus.PRECONDITION_FAILED
    assert (await prison.row())["capacity"] == 2


async def test_a_profile_that_a_screen_is_taking_away_is_not_put_back(
    client: Client, prison: Prison, nomis_dsn: str
) -> None:
    edit = "DELETE FROM agy_int_loc_profiles WHERE int_loc_profile_code = 'WD'"
    status = await write_during(client, prison, nomis_dsn, edit, f"/locations/{CELL}", SAME_CELL)
    assert status == HTTPStatus.PRECONDITION_FAILED
    assert await prison.column("SELECT int_loc_profile_code FROM agy_int_loc_profiles") == ["DO"]


async def test_a_usage_that_a_screen_is_changing_keeps_what_the_screen_gave_it(
    client: Client, prison: Prison, nomis_dsn: str
) -> None:
    edit = "UPDATE int_loc_usage_locations SET capacity = 9 WHERE usage_location_id = 7001"
    status = await write_during(client, prison, nomis_dsn, edit, f"/locations/{WORKSHOP}", SAME_WORKSHOP)
    assert status == HTTPStatus.PRECONDITION_FAILED
    held = await prison.column("SELECT capacity FROM int_loc_usage_locations ORDER BY usage_location_id")
    assert held == [9, None]


async def status_of(client: Client, path: str, body: dict[str, object], headers: dict[str, str]) -> int:
    async with client.put(path, json=body, headers=headers) as answer:
        return answer.status
