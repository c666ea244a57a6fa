"""Reads locations: one statement for one row or for five hundred, so that an answer is of one moment."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

import orjson

from libs.db.pool import Connection, Database, Row
from libs.domain.bulk import NomisRow, NomisUsageRow, ProfileRow
from services.nomis.errors import LocationUnknown, NotUnique, SortUnknown
from services.nomis.records import IdsQuery

# The lists are gathered once for all the rows asked for: for five hundred that takes half the time of JSON row by row.
BY_IDS = """
WITH profiles AS (
    SELECT internal_location_id,
        array_agg(ARRAY[int_loc_profile_type, int_loc_profile_code] ORDER BY int_loc_profile_type, int_loc_profile_code)
            AS list
    FROM agy_int_loc_profiles WHERE internal_location_id = ANY($1::bigint[]) GROUP BY 1
), usages AS (
    SELECT u.internal_location_id,
        array_agg(ARRAY[d.internal_location_usage, u.capacity::text, u.list_seq::text] ORDER BY u.usage_location_id)
            AS list
    FROM int_loc_usage_locations u JOIN internal_location_usages d USING (internal_location_usage_id)
    WHERE u.internal_location_id = ANY($1::bigint[]) GROUP BY 1
), amendments AS (
    SELECT internal_location_id,
        array_agg(ARRAY[amend_date::text, column_name, old_value, new_value, amend_user_id]
            ORDER BY agy_int_loc_amendment_id) AS list
    FROM agy_int_loc_amendments WHERE internal_location_id = ANY($1::bigint[]) GROUP BY 1
)
SELECT l.internal_location_id, l.certified_flag = 'Y', l.internal_location_type, l.agy_loc_id,
    l.parent_internal_location_id, above.description, l.operation_capacity, l.cna_no, l.user_desc, l.description,
    l.internal_location_code, l.capacity, l.list_seq, l.comment_text, l.unit_type, l.active_flag = 'Y',
    l.deactivate_date::date::text, l.deactivate_reason_code, l.reactivate_date::date::text,
    profiles.list, usages.list, amendments.list, l.create_datetime::text, l.create_user_id, l.modify_user_id
FROM agency_internal_locations l
    LEFT JOIN agency_internal_locations above ON above.internal_location_id = l.parent_internal_location_id
    LEFT JOIN profiles ON profiles.internal_location_id = l.internal_location_id
    LEFT JOIN usages ON usages.internal_location_id = l.internal_location_id
    LEFT JOIN amendments ON amendments.internal_location_id = l.internal_location_id
WHERE l.internal_location_id = ANY($1::bigint[]) ORDER BY l.internal_location_id
"""
# Whoever reads the whole estate to compare it has no use for how each row came about; columns as `NomisRow` has them.
BARE = """
WITH profiles AS (
    SELECT internal_location_id,
        array_agg(ARRAY[int_loc_profile_type, int_loc_profile_code] ORDER BY int_loc_profile_type, int_loc_profile_code)
            AS list
    FROM agy_int_loc_profiles WHERE internal_location_id = ANY($1::bigint[]) GROUP BY 1
), usages AS (
    SELECT u.internal_location_id,
        array_agg(ARRAY[d.internal_location_usage, u.capacity::text, u.list_seq::text] ORDER BY u.usage_location_id)
            AS list
    FROM int_loc_usage_locations u JOIN internal_location_usages d USING (internal_location_usage_id)
    WHERE u.internal_location_id = ANY($1::bigint[]) GROUP BY 1
)
SELECT l.internal_location_id, l.internal_location_type, l.agy_loc_id, l.description, l.internal_location_code,
    l.active_flag = 'Y', l.certified_flag = 'Y', l.parent_internal_location_id, l.operation_capacity, l.cna_no,
    l.user_desc, l.capacity, l.list_seq, l.comment_text, l.unit_type, l.deactivate_date::date,
    l.deactivate_reason_code, l.reactivate_date::date, profiles.list, usages.list, l.create_user_id
FROM agency_internal_locations l
    LEFT JOIN profiles ON profiles.internal_location_id = l.internal_location_id
    LEFT JOIN usages ON usages.internal_location_id = l.internal_location_id
WHERE l.internal_location_id = ANY($1::bigint[]) ORDER BY l.internal_location_id
"""
_PROFILES, _USAGES = 18, 19
PROFILES_KEPT_MAX = 1000
IDS_BY_KEY = "SELECT internal_location_id FROM agency_internal_locations WHERE description = $1 LIMIT 2"
IDS = "SELECT internal_location_id, parent_internal_location_id, agy_loc_id FROM agency_internal_locations"
SORTABLE = MappingProxyType(
    {
        "locationId": "internal_location_id",
        "locationCode": "internal_location_code",
        "locationType": "internal_location_type",
        "description": "description",
        "userDescription": "user_desc",
        "active": "active_flag",
        "certified": "certified_flag",
        "capacity": "capacity",
        "operationalCapacity": "operation_capacity",
        "cnaCapacity": "cna_no",
        "listSequence": "list_seq",
        "unitType": "unit_type",
        "createDatetime": "create_datetime",
    },
)
# What comes after these in a row is how it came about, not what it is.
AUDITED = frozenset({"amendments", "createDatetime", "createUsername", "modifyUsername"})


class Reading:
    """The read side of the API."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_id(self, location_id: int) -> dict[str, Any]:
        """Find by id."""
        found = await self.details((location_id,))
        if not found:
            raise LocationUnknown(f"Location with id={location_id} does not exist")
        return found[0]

    async def by_key(self, key: str) -> dict[str, Any]:
        """Find by description, which is unique within a prison only."""
        rows = await self._database.fetch(IDS_BY_KEY, key)
        if len(rows) > 1:
            raise NotUnique(f"Query did not return a unique result: business key={key}")
        found = await self.details([row[0] for row in rows])
        if not found:
            raise LocationUnknown(f"Location with business key={key} does not exist")
        return found[0]

    async def details(self, location_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Find many; what is not there is absent."""
        return [answer(row) for row in await self._database.fetch(BY_IDS, location_ids)]

    async def bare(self, location_ids: Sequence[int]) -> list[NomisRow]:
        """Find many, without how they came about."""
        return [_bare(row) for row in await self._database.fetch(BARE, location_ids)]

    async def ids(self, query: IdsQuery, size: int) -> tuple[list[dict[str, int | str]], int]:
        """Give one page of all ids, and how many there are."""
        order = _order(query.sort)
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as tx:
            total: int = await tx.fetchval("SELECT count(*) FROM agency_internal_locations")
            rows = await tx.fetch(f"{IDS} ORDER BY {order} LIMIT $1 OFFSET $2", size, query.page * size)
        return [_id(row) for row in rows], total

    async def ids_after(self, location_id: int, size: int, prison_id: str | None = None) -> list[dict[str, int | str]]:
        """Give the ids that follow this one, of one prison or of all."""
        of_prison = "" if prison_id is None else "AND agy_loc_id = $3"
        sql = f"{IDS} WHERE internal_location_id > $1 {of_prison} ORDER BY internal_location_id LIMIT $2"
        given = () if prison_id is None else (prison_id,)
        return [_id(row) for row in await self._database.fetch(sql, location_id, size, *given)]


async def version_of(connection: Connection, location_id: int) -> str:
    """Read a row's version as the transaction sees it."""
    row = await connection.fetchrow(BY_IDS, (location_id,))
    assert row is not None, "the caller has locked it"
    return version(answer(row))


def version(location: dict[str, Any]) -> str:
    """Digest what a location is: it moves when the row, its profiles or its usages do, not with occupancy."""
    content = {name: value for name, value in location.items() if name not in AUDITED}
    return blake2b(orjson.dumps(content), digest_size=12).hexdigest()


def answer(row: Row) -> dict[str, Any]:
    """Name a row's columns as the API does; nulls are omitted, lists are always there."""
    named = {
        "locationId": row[0],
        "certified": row[1],
        "locationType": row[2],
        "prisonId": row[3],
        "parentLocationId": row[4],
        "parentKey": row[5],
        "operationalCapacity": row[6],
        "cnaCapacity": row[7],
        "userDescription": row[8],
        "description": row[9],
        "locationCode": row[10],
        "capacity": row[11],
        "listSequence": row[12],
        "comment": row[13],
        "unitType": row[14],
        "active": row[15],
        "deactivateDate": row[16],
        "reasonCode": row[17],
        "reactivateDate": row[18],
        "profiles": [{"profileType": kind, "profileCode": code} for kind, code in row[19] or ()],
        "usages": [_usage(*usage) for usage in row[20] or ()],
        "amendments": [_amendment(*amendment) for amendment in row[21] or ()],
        "createDatetime": _time(row[22]),
        "createUsername": row[23],
        "modifyUsername": row[24],
    }
    return _shown(named)


def _bare(row: Row) -> NomisRow:
    values = list(row)
    values[_PROFILES] = tuple(_profile(kind, code) for kind, code in row[_PROFILES] or ())
    values[_USAGES] = tuple(
        NomisUsageRow(usage, None if capacity is None else int(capacity), None if order is None else int(order))
        for usage, capacity, order in row[_USAGES] or ()
    )
    return NomisRow(*values)


@lru_cache(PROFILES_KEPT_MAX)
def _profile(kind: str, code: str) -> ProfileRow:
    return ProfileRow(kind, code)


def _usage(usage: str, capacity: str | None, sequence: str | None) -> dict[str, Any]:
    named = {
        "internalLocationUsageType": usage,
        "capacity": None if capacity is None else int(capacity),
        "sequence": None if sequence is None else int(sequence),
    }
    return _shown(named)


def _amendment(at: str, column: str | None, old: str | None, new: str | None, user: str) -> dict[str, Any]:
    return _shown(
        {"amendDateTime": _time(at), "columnName": column, "oldValue": old, "newValue": new, "amendedBy": user}
    )


def _time(stored: str) -> str:
    """PostgreSQL trims trailing zeros as the original does; only the letter between is another."""
    return stored.replace(" ", "T")


def _shown(named: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if value is not None}


def _id(row: Row) -> dict[str, int | str]:
    above = {} if row[1] is None else {"parentLocationId": row[1]}
    return {"locationId": row[0], **above, "prisonId": row[2]}


def _order(sort: Sequence[str]) -> str:
    parts = []
    for wish in sort:
        name, _, direction = wish.partition(",")
        if name not in SORTABLE:
            raise SortUnknown(f"No property '{name}' found for type 'AgencyInternalLocation'")
        parts.append(f"{SORTABLE[name]} {'DESC' if direction.lower() == 'desc' else 'ASC'}")
    return ", ".join((*parts, "internal_location_id"))
