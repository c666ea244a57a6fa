"""Copies an estate into NOMIS's tables in one transaction, as module MERGE, so that no event or amendment is raised.

Keys and indexes stay on: what is loaded is what the tables accept.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from libs.db.pool import Connection
from services.nomis.estate.amendments import AMENDMENT_COLUMNS
from services.nomis.estate.estate import Ends, Estate, PrisonRows
from services.nomis.estate.location import LOCATION_COLUMNS, Record
from services.nomis.estate.prisons import Prison, Standing
from services.nomis.estate.profiles import PROFILE_COLUMNS
from services.nomis.estate.usages import USAGE_COLUMNS, USAGE_LOCATION_COLUMNS

TABLES = (
    "agency_internal_locations",
    "agy_int_loc_profiles",
    "internal_location_usages",
    "int_loc_usage_locations",
    "agy_int_loc_amendments",
)
# An agency may be there already, put by a service or by an earlier load of other prisons' rows.
AGENCY = """
INSERT INTO agency_locations (agy_loc_id, description, agency_location_type, active_flag, deactivation_date,
    housing_lev_1_code, housing_lev_2_code, housing_lev_3_code, housing_lev_4_code)
VALUES ($1, $2, 'INST', $3::text, CASE WHEN $3::text = 'N' THEN timestamp '2013-03-31' END, $4, $5, $6, $7)
ON CONFLICT (agy_loc_id) DO NOTHING
"""
# Never back: rows that screens added may be there.
SEQUENCE = "SELECT setval($1::text::regclass, greatest($2, nextval($1::text::regclass)), false)"


@dataclass
class Loaded:
    """How many rows went in."""

    prisons: int = 0
    locations: int = 0
    profiles: int = 0
    usages: int = 0
    usage_locations: int = 0
    amendments: int = 0

    def add(self, rows: PrisonRows) -> None:
        """Count one agency's."""
        self.prisons += 1
        self.locations += len(rows.locations)
        self.profiles += len(rows.profiles)
        self.usages += len(rows.usages)
        self.usage_locations += len(rows.usage_locations)
        self.amendments += len(rows.amendments)


async def load(connection: Connection, estate: Estate, tell: Callable[[Loaded], None] = lambda _: None) -> Loaded:
    """Load all of it or nothing, telling how much it is after each agency; then let the planner look at the tables."""
    loaded = Loaded()
    async with connection.transaction():
        # A national load is one transaction of many statements; each may wait for the disk longer than a request may.
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT set_config('nomis.audit_module_name', 'MERGE', true)")
        await _load_all(connection, estate, loaded, tell)
        await _move_sequences(connection, estate.ends)
    await connection.execute(f"ANALYZE {', '.join(('agency_locations', *TABLES))}")
    return loaded


async def _load_all(connection: Connection, estate: Estate, loaded: Loaded, tell: Callable[[Loaded], None]) -> None:
    """Make the next agency's rows in a thread while the server takes in those before: two at most are held."""
    agencies = iter(estate)
    rows = next(agencies, None)
    while rows is not None:
        coming = asyncio.create_task(asyncio.to_thread(next, agencies, None))
        try:
            await _load_prison(connection, rows)
        finally:
            following = await coming
        loaded.add(rows)
        tell(loaded)
        rows = following


async def _load_prison(connection: Connection, rows: PrisonRows) -> None:
    await connection.execute(AGENCY, *_agency(rows.prison), *rows.levels)
    await _copy(connection, "agency_internal_locations", LOCATION_COLUMNS, rows.locations)
    await _copy(connection, "agy_int_loc_profiles", PROFILE_COLUMNS, rows.profiles)
    await _copy(connection, "internal_location_usages", USAGE_COLUMNS, rows.usages)
    await _copy(connection, "int_loc_usage_locations", USAGE_LOCATION_COLUMNS, rows.usage_locations)
    await _copy(connection, "agy_int_loc_amendments", AMENDMENT_COLUMNS, rows.amendments)


def _agency(prison: Prison) -> tuple[str, str, str]:
    name = prison.name.upper()
    is_active = prison.is_open or prison.standing is Standing.PSEUDO
    return prison.id, (f"{name} (HMP)" if prison.is_open else name)[:40], "Y" if is_active else "N"


async def _copy(connection: Connection, table: str, columns: Sequence[str], records: Iterable[Record]) -> None:
    await connection.copy_records_to_table(table, columns=columns, records=records)


async def _move_sequences(connection: Connection, ends: Ends) -> None:
    for sequence, end in (
        ("internal_location_id", ends.locations),
        ("internal_location_usage_id", ends.usages),
        ("usage_location_id", ends.usage_locations),
        ("agy_int_loc_amendment_id", ends.amendments),
    ):
        await connection.execute(SEQUENCE, sequence, end)
