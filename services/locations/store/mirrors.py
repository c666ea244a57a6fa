"""Reads own states with what sync remembers, hundreds at a time, straight into what goes over the wire."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.db.pool import Database, Row
from libs.domain.bulk import BuriedRow, MirrorRow, OwnRow, SyncRow, UsageRow

_COLUMNS = """
    l.id::text, l.prison_id, l.code, l.path_hierarchy, l.prison_id || '-' || l.path_hierarchy, l.location_type,
    l.parent_id::text, l.local_name, l.comments, l.order_within_parent_location, l.residential_housing_type,
    l.max_capacity, l.working_capacity, l.certified, l.capacity_of_certified_cell, l.attributes, l.usages, l.active,
    l.archived, l.converted_cell_type, l.deactivated_date, l.deactivated_reason, l.proposed_reactivation_date,
    l.updated_by, l.when_updated,
    l.version, coalesce(s.state_version, 0), s.nomis_location_id, s.nomis_description, s.base->>'key',
    CASE WHEN $1 THEN s.base END, CASE WHEN $1 OR s.published <> '{}' THEN s.published END,
    coalesce(p.authority, 'DPS'), coalesce(p.one_way, false)
"""
_USAGES = 16
_OWN = 25
_REST = """
    LEFT JOIN sync_state s ON s.location_id = l.id LEFT JOIN prison_sync p ON p.prison_id = l.prison_id
"""
_PAGE = f"""
SELECT {_COLUMNS} FROM location l {_REST} WHERE l.id > $2 ORDER BY l.id LIMIT $3
"""  # noqa: S608 - constants
# Fenced: within one prison the order of ids is cheaper made than walked through the whole estate.
_PRISON_PAGE = f"""
WITH l AS MATERIALIZED (SELECT * FROM location WHERE prison_id = $4 AND id > $2 ORDER BY id LIMIT $3)
SELECT {_COLUMNS} FROM l {_REST} ORDER BY l.id
"""  # noqa: S608 - constants
_FOUND = f"""
SELECT {_COLUMNS} FROM location l {_REST} WHERE l.id = ANY($2::uuid[]) ORDER BY l.id
"""  # noqa: S608 - constants
_IDS = "SELECT id::text FROM location WHERE id > $1 ORDER BY id LIMIT $2"
_PRISON_IDS = """
WITH l AS MATERIALIZED (SELECT id FROM location WHERE prison_id = $3 AND id > $1)
SELECT id::text FROM l ORDER BY id LIMIT $2
"""
_BURIED = "SELECT location_id::text, key, nomis_location_id FROM tombstone WHERE location_id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class MirrorStore:
    """Each read is one statement, hence of one moment."""

    database: Database

    async def page(self, after: UUID, size: int, prison_id: str | None, *, with_base: bool) -> list[MirrorRow]:
        """Return the locations that follow an id, in the order of ids; of one prison or of all."""
        if prison_id is None:
            rows = await self.database.fetch(_PAGE, with_base, after, size)
        else:
            rows = await self.database.fetch(_PRISON_PAGE, with_base, after, size, prison_id)
        return [_mirror(row) for row in rows]

    async def ids(self, after: UUID, size: int, prison_id: str | None) -> list[str]:
        """Return the ids that follow an id, in order; of one prison or of all."""
        if prison_id is None:
            rows = await self.database.fetch(_IDS, after, size)
        else:
            rows = await self.database.fetch(_PRISON_IDS, after, size, prison_id)
        return [row[0] for row in rows]

    async def found(self, ids: Sequence[UUID], *, with_base: bool) -> list[MirrorRow]:
        """Return the locations with these ids; unknown ones are absent."""
        return [_mirror(row) for row in await self.database.fetch(_FOUND, with_base, ids)]

    async def buried(self, ids: Sequence[UUID]) -> list[BuriedRow]:
        """Return which of these ids were deleted."""
        return [BuriedRow(*row) for row in await self.database.fetch(_BURIED, ids)]


def _mirror(row: Row) -> MirrorRow:
    own = list(row[:_OWN])
    own[_USAGES] = tuple(UsageRow(u["usageType"], u.get("capacity"), u.get("sequence", 99)) for u in own[_USAGES])
    return MirrorRow(OwnRow(*own), SyncRow(*row[_OWN:]))
