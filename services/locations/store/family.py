"""Reads locations with their relatives, all that stand above and below, in one statement and held if asked."""

from collections.abc import Collection, Sequence
from uuid import UUID

from libs.db.pool import Connection, Database
from services.locations.records import COLUMNS, LocationRow, row_from

_LIST = ", ".join(f"l.{name}" for name in COLUMNS)


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


async def ids_by_path(tx: Connection, paths: Collection[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
    """Return the ids of these (prison, path) pairs by pair; unknown ones are absent."""
    records = await tx.fetch(
        """
        SELECT l.prison_id, l.path_hierarchy, l.id FROM unnest($1::text[], $2::text[]) AS wanted (prison, path)
          JOIN location l ON l.prison_id = wanted.prison AND l.path_hierarchy = wanted.path
        """,
        [prison for prison, _ in paths],
        [path for _, path in paths],
    )
    return {(record["prison_id"], record["path_hierarchy"]): record["id"] for record in records}


async def cells_below(asked: Database, ids: Collection[UUID]) -> set[tuple[str, str]]:
    """Return (prison, path) of every cell at and below these that is not permanently deactivated by itself."""
    records = await asked.fetch(_CELLS_BELOW, list(ids))
    return {(record["prison_id"], record["path_hierarchy"]) for record in records}


async def held(tx: Connection, ids: Collection[UUID]) -> list[LocationRow]:
    """Return these locations, all that stands above and all that stands below them, each once, in one statement.

    Each row is held against other writers until the transaction ends, in one order for all.
    """
    records = await tx.fetch(_HELD, list(ids))
    return [row_from(record) for record in records]


async def alone(tx: Connection, location_id: UUID) -> tuple[LocationRow, bool] | None:
    """Return a location, held, and whether it is archived by itself or by one above; its tree is shared already."""
    record = await tx.fetchrow(_ALONE, location_id)
    return (row_from(record[:-1]), record[-1]) if record else None


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


_CELLS_BELOW = """
    WITH RECURSIVE below AS (
        SELECT id, prison_id, path_hierarchy, location_type, residential_housing_type, archived
          FROM location WHERE id = ANY($1::uuid[])
        UNION
        SELECT down.id, down.prison_id, down.path_hierarchy, down.location_type, down.residential_housing_type,
               down.archived
          FROM location down JOIN below ON down.parent_id = below.id)
    SELECT prison_id, path_hierarchy FROM below
     WHERE location_type = 'CELL' AND residential_housing_type IS NOT NULL AND NOT archived
"""
_ALONE = f"""
    WITH RECURSIVE line AS (
        SELECT id, parent_id, archived FROM location WHERE id = $1
        UNION
        SELECT up.id, up.parent_id, up.archived FROM location up JOIN line ON up.id = line.parent_id)
    SELECT {_LIST}, (SELECT bool_or(archived) FROM line) FROM location l WHERE l.id = $1 FOR NO KEY UPDATE OF l
"""  # noqa: S608 - constants
# The ids are gathered before the rows are looked for: how many they will be is a guess of PostgreSQL's, and by a large
# one it reads the whole table.
_HELD = f"""
    WITH RECURSIVE above AS (
        SELECT id, parent_id FROM location WHERE id = ANY($1::uuid[])
        UNION
        SELECT up.id, up.parent_id FROM location up JOIN above ON up.id = above.parent_id),
    below AS (
        SELECT id FROM location WHERE id = ANY($1::uuid[])
        UNION
        SELECT down.id FROM location down JOIN below ON down.parent_id = below.id)
    SELECT {_LIST} FROM location l
     WHERE l.id = ANY(ARRAY(SELECT id FROM above UNION SELECT id FROM below))
     ORDER BY l.path_hierarchy, l.prison_id FOR NO KEY UPDATE OF l
"""  # noqa: S608 - constants
