"""Every SQL statement of this service."""

from collections.abc import Sequence
from contextlib import suppress
from types import MappingProxyType

import asyncpg

from libs.db.pool import Database, Row
from libs.domain.counting import counted
from libs.domain.mapping import MappingType
from services.mapping.errors import MappingConflict, SaveContended, SortUnknown
from services.mapping.records import Mapping, NewMapping, Outcome, PageQuery, Pair, PairsQuery, Replacement

COLUMNS = """dps_location_id, nomis_location_id, mapping_type, label,
    to_char(when_created AT TIME ZONE 'Europe/London', 'YYYY-MM-DD"T"HH24:MI:SS') AS when_created"""

INSERT = """
INSERT INTO location_mapping (dps_location_id, nomis_location_id, mapping_type, label)
SELECT dps, nomis, type, label
FROM unnest($1::varchar[], $2::bigint[], $3::varchar[], $4::varchar[]) AS wish (dps, nomis, type, label)
ORDER BY dps
ON CONFLICT DO NOTHING
RETURNING dps_location_id, nomis_location_id
"""

IN_THE_WAY = f"""
SELECT {COLUMNS} FROM location_mapping
WHERE dps_location_id = ANY($1::varchar[]) OR nomis_location_id = ANY($2::bigint[])
"""  # noqa: S608 - a constant of ours

PAIRS = """
SELECT dps_location_id, nomis_location_id FROM location_mapping
WHERE nomis_location_id > $1 AND nomis_location_id <= $2 ORDER BY nomis_location_id LIMIT $3
"""

REPLACE = f"""
UPDATE location_mapping
SET nomis_location_id = $2, mapping_type = $3, label = $4, when_created = now()
WHERE dps_location_id = $1 AND nomis_location_id = $5
RETURNING {COLUMNS}
"""  # noqa: S608 - a constant of ours

SORTABLE = MappingProxyType(
    {
        "dpsLocationId": "dps_location_id",
        "nomisLocationId": "nomis_location_id",
        "mappingType": "mapping_type",
        "label": "label",
        "whenCreated": "when_created",
    },
)


class Store:
    """The table of mappings."""

    def __init__(self, database: Database, attempts_max: int) -> None:
        self._database = database
        self._attempts_max = attempts_max

    async def save(self, wishes: Sequence[NewMapping]) -> list[Outcome]:
        """Insert what is new, in one statement; say of everything else what is in its way, in the order given.

        Others may create and delete the same rows meanwhile: what was refused and then not found is tried again.
        """
        outcomes: dict[int, Outcome] = {}
        for _ in range(self._attempts_max):
            pending = {at: wish for at, wish in enumerate(wishes) if at not in outcomes}
            created = await self._insert([*pending.values()])
            outcomes |= {at: Outcome("created") for at, wish in pending.items() if _taken(created, wish)}
            refused = {at: wish for at, wish in pending.items() if at not in outcomes}
            if refused:
                rows = await self._in_the_way([*refused.values()])
                judged = {at: _judged(wish, rows) for at, wish in refused.items()}
                outcomes |= {at: outcome for at, outcome in judged.items() if outcome is not None}
            if len(outcomes) == len(wishes):
                return [outcomes[at] for at in range(len(wishes))]
        raise SaveContended(f"{counted(len(wishes) - len(outcomes), 'mapping')} could neither be saved nor found")

    async def _insert(self, wishes: Sequence[NewMapping]) -> set[tuple[str, int]]:
        if not wishes:
            return set()
        columns = (
            [wish.dps_location_id for wish in wishes],
            [wish.nomis_location_id for wish in wishes],
            [wish.mapping_type.value for wish in wishes],
            [wish.label for wish in wishes],
        )
        for _ in range(self._attempts_max):
            # Batches that cross on the NOMIS side; the loser inserted nothing and starts again.
            with suppress(asyncpg.DeadlockDetectedError):
                rows = await self._database.fetch(INSERT, *columns)
                return {(row[0], row[1]) for row in rows}
        raise SaveContended(f"{counted(len(wishes), 'mapping')} met others' each time they were to be saved")

    async def _in_the_way(self, wishes: Sequence[NewMapping]) -> "_Rows":
        dps_ids = [wish.dps_location_id for wish in wishes]
        nomis_ids = [wish.nomis_location_id for wish in wishes]
        return _Rows([_mapping(row) for row in await self._database.fetch(IN_THE_WAY, dps_ids, nomis_ids)])

    async def replace(self, wish: Replacement) -> Mapping:
        """Point a DPS location at another NOMIS one if it still points at the one named; done twice is done."""
        try:
            row = await self._database.fetchrow(
                REPLACE,
                wish.dps_location_id,
                wish.nomis_location_id,
                wish.mapping_type.value,
                wish.label,
                wish.previous_nomis_location_id,
            )
        except asyncpg.UniqueViolationError:
            row = None
        if row is not None:
            return _mapping(row)
        rows = await self._in_the_way([wish])
        outcome = _judged(wish, rows) or Outcome("conflict")
        if outcome.outcome == "exists":
            return rows.by_dps_id[wish.dps_location_id]
        raise MappingConflict(wish, outcome.existing_by_dps_id, outcome.existing_by_nomis_id)

    async def by_dps_id(self, dps_location_id: str) -> Mapping | None:
        """Find by DPS id."""
        row = await self._database.fetchrow(
            f"SELECT {COLUMNS} FROM location_mapping WHERE dps_location_id = $1",  # noqa: S608 - a constant of ours
            dps_location_id,
        )
        return None if row is None else _mapping(row)

    async def by_nomis_id(self, nomis_location_id: int) -> Mapping | None:
        """Find by NOMIS id."""
        row = await self._database.fetchrow(
            f"SELECT {COLUMNS} FROM location_mapping WHERE nomis_location_id = $1",  # noqa: S608 - a constant of ours
            nomis_location_id,
        )
        return None if row is None else _mapping(row)

    async def by_dps_ids(self, dps_location_ids: Sequence[str]) -> list[Mapping]:
        """Find many; what is not there is not there."""
        return [_mapping(row) for row in await self._database.fetch(IN_THE_WAY, dps_location_ids, [])]

    async def by_nomis_ids(self, nomis_location_ids: Sequence[int]) -> list[Mapping]:
        """Find many; what is not there is not there."""
        return [_mapping(row) for row in await self._database.fetch(IN_THE_WAY, [], nomis_location_ids)]

    async def pairs(self, query: PairsQuery) -> list[Pair]:
        """Give the pairs of a range of NOMIS ids, in the order of those."""
        rows = await self._database.fetch(PAIRS, query.after_nomis_id, query.up_to_nomis_id, query.size)
        return [Pair(row[0], row[1]) for row in rows]

    async def latest_migrated(self) -> Mapping | None:
        """Find what migration wrote last."""
        row = await self._database.fetchrow(
            f"SELECT {COLUMNS} FROM location_mapping m WHERE mapping_type = 'MIGRATED'"  # noqa: S608 - a constant
            " ORDER BY m.when_created DESC, m.dps_location_id LIMIT 1",
        )
        return None if row is None else _mapping(row)

    async def page_of_migration(self, label: str, query: PageQuery, size: int) -> tuple[list[Mapping], int]:
        """Give one page of what a migration wrote, and how much there is; the order is total, so pages are stable."""
        total: int = await self._database.fetchval(
            "SELECT count(*) FROM location_mapping WHERE mapping_type = 'MIGRATED' AND label = $1", label
        )
        rows = await self._database.fetch(
            f"SELECT {COLUMNS} FROM location_mapping m WHERE mapping_type = 'MIGRATED' AND label = $1"  # noqa: S608 - names from SORTABLE only
            f" ORDER BY {_order(query.sort)} LIMIT $2 OFFSET $3",
            label,
            size,
            query.page * size,
        )
        return [_mapping(row) for row in rows], total

    async def delete_by_dps_id(self, dps_location_id: str) -> None:
        """Delete; already gone is done."""
        await self._database.execute("DELETE FROM location_mapping WHERE dps_location_id = $1", dps_location_id)

    async def delete_by_nomis_id(self, nomis_location_id: int) -> None:
        """Delete; already gone is done."""
        await self._database.execute("DELETE FROM location_mapping WHERE nomis_location_id = $1", nomis_location_id)

    async def wipe(self, *, only_migrated: bool) -> int:
        """Delete every mapping, or those that migration wrote."""
        tag = await self._database.execute(
            "DELETE FROM location_mapping WHERE NOT $1 OR mapping_type = 'MIGRATED'", only_migrated
        )
        return int(tag.rsplit(" ", 1)[1])


class _Rows:
    """Rows found, by either id."""

    def __init__(self, rows: Sequence[Mapping]) -> None:
        self.by_dps_id = {row.dps_location_id: row for row in rows}
        self.by_nomis_id = {row.nomis_location_id: row for row in rows}


def _taken(created: set[tuple[str, int]], wish: NewMapping) -> bool:
    """Tell whether this wish is the one that was created; of twins in one batch the first is, the others exist."""
    pair = (wish.dps_location_id, wish.nomis_location_id)
    if pair not in created:
        return False
    created.remove(pair)
    return True


def _judged(wish: NewMapping, rows: _Rows) -> Outcome | None:
    by_dps_id = rows.by_dps_id.get(wish.dps_location_id)
    by_nomis_id = rows.by_nomis_id.get(wish.nomis_location_id)
    if by_dps_id is not None and by_dps_id.nomis_location_id == wish.nomis_location_id:
        return Outcome("exists")
    if by_dps_id is None and by_nomis_id is None:
        return None
    return Outcome("conflict", by_dps_id, by_nomis_id)


def _mapping(row: Row) -> Mapping:
    return Mapping(row[0], row[1], MappingType(row[2]), row[3], row[4])


def _order(sort: Sequence[str]) -> str:
    """Translate Spring's `property,direction`; the key is always last, so that no two rows are equal."""
    terms = []
    for term in sort:
        name, _, direction = term.partition(",")
        if name not in SORTABLE or direction.lower() not in {"", "asc", "desc"}:
            raise SortUnknown(f"sort: {name or 'nothing'} is not a property of a mapping, or the direction is unknown")
        terms.append(f"m.{SORTABLE[name]} {'DESC' if direction.lower() == 'desc' else 'ASC'}")
    return ", ".join([*terms, "m.dps_location_id"])
