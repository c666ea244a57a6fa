"""The prison of the reference's test cases (§6): a wing, a landing, a cell, a workshop, and what surrounds them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg

WING, LANDING, CELL, WORKSHOP = 5001, 5002, 5003, 5010
UNKNOWN = 990001

# Quicker than TRUNCATE where there are a few rows.
EMPTY = """
SELECT set_config('nomis.audit_module_name', 'MERGE', true);
DELETE FROM agy_int_loc_amendments; DELETE FROM int_loc_usage_locations; DELETE FROM internal_location_usages;
DELETE FROM agy_int_loc_profiles; DELETE FROM agency_internal_locations; DELETE FROM service_agency_switches;
DELETE FROM agency_locations; DELETE FROM xtag_listener_tab; DELETE FROM xtag_topic;
"""
PRISON = """
SELECT set_config('nomis.audit_module_name', 'MERGE', true), set_config('nomis.audit_user_id', 'OMS_OWNER', true);
INSERT INTO agency_locations (agy_loc_id, description, agency_location_type)
VALUES ('KMI', 'KIRKHAM (HMP)', 'INST'), ('LEI', 'LEEDS (HMP)', 'INST');
INSERT INTO agency_internal_locations (internal_location_id, agy_loc_id, internal_location_code,
    internal_location_type, description, parent_internal_location_id, capacity, operation_capacity, cna_no,
    certified_flag, unit_type, list_seq)
VALUES (5001, 'KMI', 'D', 'WING', 'KMI-D', NULL, 40, 38, 40, 'Y', 'NA', 1),
    (5002, 'KMI', '2', 'LAND', 'KMI-D-2', 5001, 20, 19, 20, 'Y', 'NA', 2),
    (5003, 'KMI', '014', 'CELL', 'KMI-D-2-014', 5002, 2, 1, 1, 'Y', 'NA', 14),
    (5010, 'KMI', 'WS4', 'WORK', 'KMI-WORK_IND-WS4', NULL, 12, NULL, NULL, 'N', NULL, NULL);
INSERT INTO agy_int_loc_profiles (internal_location_id, int_loc_profile_type, int_loc_profile_code)
VALUES (5003, 'HOU_UNIT_ATT', 'DO'), (5003, 'HOU_SANI_FIT', 'WD');
INSERT INTO internal_location_usages (internal_location_usage_id, agy_loc_id, internal_location_usage)
VALUES (901, 'KMI', 'PROG'), (902, 'KMI', 'OCCUR'), (903, 'KMI', 'APP'), (904, 'KMI', 'OTH');
INSERT INTO int_loc_usage_locations (usage_location_id, internal_location_usage_id, internal_location_id, capacity,
    list_seq)
VALUES (7001, 901, 5010, 12, 1), (7002, 902, 5010, NULL, NULL);
"""
CONTEXT = "SELECT set_config('nomis.audit_user_id', $1, true), set_config('nomis.audit_module_name', $2, true)"


class Event(NamedTuple):
    """What a trigger enqueued."""

    kind: str
    entries: dict[str, str]


class Prison:
    """The tables, as somebody with SQL sees them."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection

    async def reset(self) -> None:
        async with self.connection.transaction():
            await self.connection.execute(EMPTY)
            await self.connection.execute(PRISON)

    @asynccontextmanager
    async def screen(self, module: str | None = "OIMMHOLO", user: str = "QQQ99X") -> AsyncIterator[None]:
        """Edit as a NOMIS screen does."""
        async with self.connection.transaction():
            await self.connection.execute(CONTEXT, user, module or "")
            yield

    async def edit(self, sql: str, *args: object, module: str | None = "OIMMHOLO") -> None:
        async with self.screen(module):
            await self.connection.execute(sql, *args)

    async def row(self, location_id: int = CELL) -> dict[str, Any]:
        found = await self.connection.fetchrow(
            "SELECT * FROM agency_internal_locations WHERE internal_location_id = $1", location_id
        )
        assert found is not None
        return dict(found)

    async def events(self) -> list[Event]:
        rows = await self.connection.fetch("SELECT jms_type, payload FROM xtag_listener_tab ORDER BY id")
        return [Event(*row) for row in rows]

    async def amendments(self, location_id: int = CELL) -> list[tuple[Any, ...]]:
        rows = await self.connection.fetch(
            "SELECT column_name, old_value, new_value, action_code, deactivate_reason_code, amend_user_id"
            " FROM agy_int_loc_amendments WHERE internal_location_id = $1 ORDER BY agy_int_loc_amendment_id",
            location_id,
        )
        return [tuple(row) for row in rows]

    async def column(self, sql: str, *args: object) -> Sequence[Any]:
        return [row[0] for row in await self.connection.fetch(sql, *args)]
