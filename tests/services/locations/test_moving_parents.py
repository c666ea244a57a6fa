"""Whoever was given a parent's path keeps it until they are done: a rename at the same moment waits for them.

Each write is stopped after it read its parent and before its row is in, by a row of somebody else at the same path
that is not committed. Then staff rename the parent. Were the tree not locked (ADR 0012), the rename would not see the
new row, the row would be put in under the parent's old path, and nothing would ever mend it. Staff, and snapshots that
move a location, hold the parent's row besides.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from libs.db.pool import Connection
from libs.domain.codes import LocationType
from libs.domain.nomis import NomisLocationId
from tests.conftest import MakeToken
from tests.contracts.locations import migrated
from tests.libs.domain.rows import nomis_cell
from tests.services.locations.conftest import Client
from tests.services.locations.prison import at, cell, put, row

WING, ROAMER, STRANGER, MADE = (at("KTI", number) for number in range(4))
FIELDS: dict[str, Any] = {"code": "1", "locationType": "CELL", "residentialHousingType": "NORMAL_ACCOMMODATION"}
SNAPSHOT: dict[str, Any] = {**FIELDS, "prisonId": "KTI", "parentId": str(WING), "lastUpdatedBy": "N"}
NOMIS_ROW = nomis_cell(
    location_id=NomisLocationId(1), location_code="1", prison_id="KTI", parent_location_id=None, amendments=()
)
PAGE = {"locations": [migrated(NOMIS_ROW, WING)]}


def write(**fields: Any) -> dict[str, Any]:
    return {"lastUpdatedBy": "N", "prisonId": "KTI", "fields": fields}


# By name: what puts a location with the code 1 below the wing, and the answer.
WRITES: Mapping[str, tuple[str, str, Any, int]] = MappingProxyType(
    {
        "migrate a page": ("POST", "/migrate/locations/batch", PAGE, 200),
        "migrate one": ("POST", "/migrate/location", SNAPSHOT, 201),
        "snapshot": ("POST", "/sync/upsert", SNAPSHOT, 201),
        "snapshot that moves": ("POST", "/sync/upsert", SNAPSHOT | {"id": str(ROAMER)}, 200),
        "sync creates": ("PUT", f"/sync/locations/{MADE}", write(**FIELDS, parentId=str(WING)), 201),
        "sync moves": ("PUT", f"/sync/locations/{ROAMER}", write(code="1", parentId=str(WING)), 200),
        "staff create": (
            "POST",
            "/locations/residential",
            {
                "prisonId": "KTI",
                "code": "1",
                "parentId": str(WING),
                "locationType": "CELL",
                "accommodationType": "NORMAL_ACCOMMODATION",
            },
            201,
        ),
        "staff move": ("PATCH", f"/locations/residential/{ROAMER}", {"code": "1", "parentId": str(WING)}, 200),
    }
)


async def answered(client: Client, method: str, path: str, body: Any, headers: dict[str, str]) -> int:
    async with client.request(method, path, json=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def until_waiting(watcher: Connection, wanted: int, or_done: "asyncio.Task[int] | None" = None) -> None:
    """Wait until so many wait for a lock, or for who should have waited and did not."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(60):
        while not (or_done and or_done.done()) and await watcher.fetchval(waiting) < wanted:  # noqa: ASYNC110 - it does not call
            await asyncio.sleep(0)


@pytest.mark.parametrize("name", WRITES)
async def test_a_rename_waits_for_who_was_given_the_parents_path(
    client: Client,
    token: MakeToken,
    store: "asyncpg.Connection[asyncpg.Record]",
    database_connection: "asyncpg.Connection[asyncpg.Record]",
    name: str,
) -> None:
    method, path, body, status = WRITES[name]
    roles = {f"ROLE_{each}_LOCATIONS" for each in ("MAINTAIN", "SYNC", "MIGRATE")}
    headers = {"Authorization": f"Bearer {token(roles)}"}
    await put(store, [row(0, "A", id=WING, location_type=LocationType.WING), cell(1, "B", None, id=ROAMER)])
    stopped = database_connection.transaction()
    await stopped.start()
    await put_uncommitted(database_connection)
    first = asyncio.create_task(answered(client, method, path, body, headers))
    await until_waiting(store, 1)
    renamed = asyncio.create_task(answered(client, "PATCH", f"/locations/residential/{WING}", {"code": "Z"}, headers))
    await until_waiting(store, 2, or_done=renamed)
    await stopped.rollback()
    assert [await first, await renamed] == [status, 200]
    assert await paths_below(store, WING) == ["Z-1"]


async def test_who_names_a_room_waits_for_nobody_who_names_another_and_a_rename_waits_for_both(
    client: Client,
    token: MakeToken,
    store: "asyncpg.Connection[asyncpg.Record]",
    database_connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    headers = {"Authorization": f"Bearer {token({'ROLE_MAINTAIN_LOCATIONS'})}"}
    rooms = [row(number, f"A-{number}", id=at("KTI", 10 + number), parent_id=WING) for number in (1, 2)]
    await put(store, [row(0, "A", id=WING, location_type=LocationType.WING), *rooms])

    def named(room: UUID) -> "asyncio.Task[int]":
        path = f"/locations/{room}/change-local-name"
        return asyncio.create_task(answered(client, "PUT", path, {"localName": "Post"}, headers))

    holder = database_connection.transaction()
    await holder.start()
    await database_connection.execute("SELECT FROM location WHERE id = $1 FOR UPDATE", rooms[0].id)
    first = named(rooms[0].id)
    await until_waiting(store, 1)
    assert await named(rooms[1].id) == 200
    renamed = asyncio.create_task(answered(client, "PATCH", f"/locations/residential/{WING}", {"code": "Z"}, headers))
    await until_waiting(store, 2, or_done=renamed)
    assert not renamed.done()
    await holder.rollback()
    assert [await first, await renamed] == [200, 200]
    assert await paths_below(store, WING) == ["Z-1", "Z-2"]


async def put_uncommitted(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.execute(
        """
        INSERT INTO location
               (id, prison_id, path_hierarchy, code, location_type, when_created, when_updated, updated_by)
        VALUES ($1, 'KTI', 'A-1', 'A-1', 'STORE', now(), now(), 'X')
        """,
        STRANGER,
    )


async def paths_below(connection: Connection, parent: UUID) -> list[str]:
    found = await connection.fetch("SELECT path_hierarchy FROM location WHERE parent_id = $1 ORDER BY 1", parent)
    return [each[0] for each in found]
