"""The floor of a full run: what one script needs that COPYs both sides into one database and joins them there.

It folds no code, looks at no profile or use, and looks once: no HTTP, no second look at a suspect, no report.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

OF_NOMIS = """
SELECT internal_location_id, agy_loc_id, internal_location_code, description, parent_internal_location_id,
       active_flag = 'Y', coalesce(list_seq, 0)::int, coalesce(btrim(comment_text), ''), coalesce(btrim(user_desc), ''),
       coalesce(capacity, 0)::int, coalesce(operation_capacity, 0)::int, coalesce(cna_no, 0)::int, certified_flag = 'Y'
  FROM agency_internal_locations
"""
OF_DPS = """
SELECT id::text, prison_id, code, prison_id || '-' || path_hierarchy, parent_id::text, active,
       coalesce(order_within_parent_location, 0), coalesce(btrim(left(comments, 240)), ''),
       coalesce(btrim(left(local_name, 40)), ''), coalesce(max_capacity, 0), coalesce(working_capacity, 0),
       coalesce(capacity_of_certified_cell, 0), coalesce(certified, false),
       location_type = 'CELL' AND residential_housing_type IS NOT NULL
           AND residential_housing_type <> 'HOLDING_CELL' AND converted_cell_type IS NULL AND NOT archived
  FROM location
"""
TABLES = """
CREATE TEMP TABLE n (id bigint, prison text, code text, key text, parent bigint, active boolean, place int,
                     comments text, name text, capacity int, working int, cna int, certified boolean);
CREATE TEMP TABLE d (id text COLLATE "C", prison text, code text, key text, parent text, active boolean, place int,
                     comments text, name text, capacity int, working int, cna int, certified boolean, cell boolean);
"""
COMPARE = """
SELECT count(*), count(*) FILTER (WHERE d.id IS NOT NULL AND n.id IS NOT NULL AND (
           (n.prison, n.code, n.key, n.active, n.place, n.comments, n.name)
               IS DISTINCT FROM (d.prison, d.code, d.key, d.active, d.place, d.comments, d.name)
        OR above.dps_location_id IS DISTINCT FROM d.parent
        OR d.cell AND (n.capacity, n.working, n.cna, n.certified)
               IS DISTINCT FROM (d.capacity, d.working, d.cna, d.certified))),
       count(*) FILTER (WHERE d.id IS NOT NULL AND n.comments <> d.comments)
  FROM n LEFT JOIN location_mapping above ON above.nomis_location_id = n.parent
         LEFT JOIN location_mapping m ON m.nomis_location_id = n.id
         FULL JOIN d ON d.id = m.dps_location_id
"""


@dataclass(frozen=True)
class Compared:
    """What the script saw: locations of either side, pairs that differ by raw columns, pairs of different comments."""

    locations: int
    different: int
    comments: int
    seconds: float


async def compared(dsns: Mapping[str, str]) -> Compared:
    """Copy and join."""
    began = time.perf_counter()
    target = await asyncpg.connect(dsns["mapping"])
    try:
        await target.execute(TABLES)
        for table, source, query in (("n", "nomis", OF_NOMIS), ("d", "locations", OF_DPS)):
            await _copied(target, table, dsns[source], query)
        await target.execute("ANALYZE n; ANALYZE d; ANALYZE location_mapping")
        row = await target.fetchrow(COMPARE)
    finally:
        await target.close()
    assert row is not None
    return Compared(row[0], row[1], row[2], time.perf_counter() - began)


async def _copied(target: "asyncpg.Connection[asyncpg.Record]", table: str, dsn: str, query: str) -> None:
    source = await asyncpg.connect(dsn)
    try:
        with tempfile.TemporaryDirectory() as place:
            held = Path(place) / table
            await source.copy_from_query(query, output=held, format="binary")
            await target.copy_to_table(table, source=held, format="binary")
    finally:
        await source.close()
