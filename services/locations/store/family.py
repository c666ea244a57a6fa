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


async def relatives(tx: Connection, ids: Collection[UUID]) -> list[LocationRow]:
    """Return these locations, all that stands above and all that stands below them, each once, in one statement."""
    records = await tx.fetch(_RELATIVES, list(ids))
    return [row_from(record) for record in records]


async def of_prison(tx: Connection, prison_id: str) -> list[LocationRow]:
    """Return every location of a prison, by key."""
    records = await tx.fetch(
        f"SELECT {_LIST} FROM location l WHERE l.prison_id = $1 ORDER BY l.path_hierarchy",  # noqa: S608 - constants
        prison_id,
    )
    return [row_from(record) for record in records]


async def page(tx: Connection, order: Sequence[tuple[str, bool]], number: int, size: int) -> tuple[list[UUID], int]:
    """Return the ids of one page of all locations, and the total; `order` names columns and if they descend."""
    columns = ", ".join(f"{COLUMNS[COLUMNS.index(name)]}{' DESC' if descends else ''}" for name, descends in order)
    records = await tx.fetch(
        f"SELECT id FROM location ORDER BY {columns}, id LIMIT $1 OFFSET $2",  # noqa: S608 - columns of the table only
        size,
        number * size,
    )
    total: int = await tx.fetchval("SELECT count(*) FROM location")
    return [record["id"] for record in records], total


_RELATIVES = f"""
    WITH RECURSIVE above AS (
        SELECT id, parent_id FROM location WHERE id = ANY($1::uuid[])
        UNION
        SELECT up.id, up.parent_id FROM location up JOIN above ON up.id = above.parent_id),
    below AS (
        SELECT id FROM location WHERE id = ANY($1::uuid[])
        UNION
        SELECT down.id FROM location down JOIN below ON down.parent_id = below.id)
    SELECT {_LIST} FROM location l
     WHERE l.id IN (SELECT id FROM above UNION SELECT id FROM below) ORDER BY l.path_hierarchy
"""  # noqa: S608 - constants
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
