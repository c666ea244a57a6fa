"""Whoever writes takes locks in one order, *trees, rows, outbox* (ADR 0012): stopped at each, it holds those before it.

A connection of the test holds one lock; the write that needs it waits there, and PostgreSQL is asked what it holds. A
write that took them in another order would hold a later one while it waits for an earlier.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import asyncpg
import pytest

from libs.domain.codes import LocationType
from libs.messaging.outbox import ASLEEP_LOCK, BULK_LOCK
from services.locations.store.rows import lock_tree
from tests.conftest import MakeToken
from tests.services.locations.conftest import Client
from tests.services.locations.prison import at, cell, put, row
from tests.services.locations.test_moving_parents import answered, until_waiting

WING, CELL = at("KTI", 0), at("KTI", 1)
# What of the order a write holds that waits for a lock of this kind.
BEFORE: Mapping[str, frozenset[str]] = MappingProxyType(
    {"trees": frozenset(), "rows": frozenset({"trees"}), "outbox": frozenset({"trees", "rows"})}
)
WRITES: Mapping[str, tuple[str, str, Any]] = MappingProxyType(
    {
        "staff rename": ("PATCH", f"/locations/residential/{WING}", {"code": "Z"}),
        "sync moves": (
            "PUT",
            f"/sync/locations/{CELL}",
            {"lastUpdatedBy": "N", "prisonId": "KTI", "fields": {"code": "7", "parentId": str(WING)}},
        ),
    }
)


@pytest.mark.parametrize("stopped_at", BEFORE)
@pytest.mark.parametrize("name", WRITES)
async def test_a_write_that_waits_holds_only_what_comes_before(
    client: Client,
    token: MakeToken,
    store: "asyncpg.Connection[asyncpg.Record]",
    database_connection: "asyncpg.Connection[asyncpg.Record]",
    name: str,
    stopped_at: str,
) -> None:
    headers = {"Authorization": f"Bearer {token({'ROLE_MAINTAIN_LOCATIONS', 'ROLE_SYNC_LOCATIONS'})}"}
    await put(store, [row(0, "A", id=WING, location_type=LocationType.WING), cell(1, "A-1", WING, id=CELL)])
    held = database_connection.transaction()
    await held.start()
    match stopped_at:
        case "trees":
            await lock_tree(database_connection, "KTI")
        case "rows":
            await database_connection.fetch("SELECT FROM location WHERE id = $1 FOR NO KEY UPDATE", CELL)
        case _:
            await database_connection.execute("SELECT pg_advisory_xact_lock($1)", BULK_LOCK)
    method, path, body = WRITES[name]
    writing = asyncio.create_task(answered(client, method, path, body, headers))
    await until_waiting(store, 1)
    # The row that it waits for is the test's, so nothing tells whether it holds others.
    assert await holds(store) - {stopped_at} == BEFORE[stopped_at]
    await held.rollback()
    assert await writing == 200


async def holds(watcher: "asyncpg.Connection[asyncpg.Record]") -> set[str]:
    """Name the kinds of locks of the one that waits. A tree's number has two parts, the outbox's has one.

    The relay's bed is only tried, never waited for.
    """
    kinds = {
        each["objsubid"]
        for each in await watcher.fetch(
            """
            SELECT objsubid FROM pg_locks JOIN pg_stat_activity USING (pid)
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND locktype = 'advisory' AND granted
               AND NOT (objsubid = 1 AND objid = $1::bigint::oid)
            """,
            ASLEEP_LOCK,
        )
    }
    async with watcher.transaction():
        free = await watcher.fetch("SELECT FROM location WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED", CELL)
    return ({"trees"} if 2 in kinds else set()) | ({"outbox"} if 1 in kinds else set()) | (set() if free else {"rows"})
