"""Reads a location with its relatives: ancestors and the whole subtree, each in one statement."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.db.pool import Connection
from services.locations.records import COLUMNS, LocationRow, row_from

_LIST = ", ".join(f"l.{name}" for name in COLUMNS)


@dataclass(frozen=True, slots=True)
class Family:
    """A location, its ancestors nearest first, and everything below it with parents before children."""

    row: LocationRow
    above: Sequence[LocationRow]
    below: Sequence[LocationRow]

    @property
    def rows(self) -> list[LocationRow]:
        """All of it, from the top down."""
        return [*reversed(self.above), self.row, *self.below]


async def family(tx: Connection, location_id: UUID, *, lock: bool = False) -> Family | None:
    """Return the family of a location; with `lock` all of it is held against other writers, top down."""
    above = await _rows(tx, _ABOVE, location_id, lock=lock)
    if not above:
        return None
    below = await _rows(tx, _BELOW, location_id, lock=lock)
    return Family(above[0], above[1:], below)


async def ids_at(tx: Connection, paths: Collection[tuple[str, str]]) -> list[UUID]:
    """Return the ids of these (prison, path) pairs; unknown ones are absent."""
    records = await tx.fetch(
        """
        SELECT l.id FROM unnest($1::text[], $2::text[]) AS wanted (prison, path)
          JOIN location l ON l.prison_id = wanted.prison AND l.path_hierarchy = wanted.path
        """,
        [prison for prison, _ in paths],
        [path for _, path in paths],
    )
    return [record["id"] for record in records]


async def page(tx: Connection, order: Sequence[tuple[str, bool]], number: int, size: int) -> tuple[list[UUID], int]:
    """Return the ids of one page of all locations, and the total; `order` names columns and if they descend."""
    columns = ", ".join(f"{COLUMNS[COLUMNS.index(name)]}{' DESC' if descends else ''}" for name, descends in order)
    record = await tx.fetchrow(
        f"""
        SELECT ARRAY(SELECT id FROM location ORDER BY {columns}, id LIMIT $1 OFFSET $2) AS ids,
               (SELECT count(*) FROM location) AS total
        """,  # noqa: S608 - columns of the table only
        size,
        number * size,
    )
    assert record is not None
    return record["ids"], record["total"]


_ABOVE = f"""
    WITH RECURSIVE tree AS (
        SELECT id, parent_id, 0 AS distance FROM location WHERE id = $1
        UNION ALL
        SELECT up.id, up.parent_id, tree.distance + 1 FROM location up JOIN tree ON up.id = tree.parent_id
         WHERE tree.distance < 50)
    SELECT {_LIST}, tree.distance FROM location l JOIN tree ON tree.id = l.id ORDER BY tree.distance
"""  # noqa: S608 - constants
_BELOW = f"""
    WITH RECURSIVE tree AS (
        SELECT id, 1 AS distance FROM location WHERE parent_id = $1
        UNION ALL
        SELECT down.id, tree.distance + 1 FROM location down JOIN tree ON down.parent_id = tree.id
         WHERE tree.distance < 50)
    SELECT {_LIST}, tree.distance FROM location l JOIN tree ON tree.id = l.id
     ORDER BY tree.distance, l.path_hierarchy
"""  # noqa: S608 - constants
_HOLD = "SELECT id FROM location WHERE id = ANY($1::uuid[]) ORDER BY path_hierarchy FOR NO KEY UPDATE"


async def _rows(tx: Connection, sql: str, location_id: UUID, *, lock: bool) -> list[LocationRow]:
    records: list[Any] = await tx.fetch(sql, location_id)
    if lock and records:
        # Held in path order, so two who hold overlapping trees wait for one another instead of for each other.
        await tx.execute(_HOLD, [record["id"] for record in records])
        records = await tx.fetch(sql, location_id)
    return [row_from(record) for record in records]
