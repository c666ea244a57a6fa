"""Reads, locks and writes rows of `location`, and what hangs on them."""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg

from libs.db.pool import Connection
from services.locations.errors import LocationKeyTaken
from services.locations.records import COLUMNS, HistoryRow, LocationRow, row_from

_LIST = ", ".join(COLUMNS)
_VALUES = ", ".join(f"${n}" for n in range(1, len(COLUMNS) + 1))
_SET = ", ".join(f"{name} = ${n}" for n, name in enumerate(COLUMNS, 1) if name != "id")
_ID = COLUMNS.index("id") + 1
PATH_CONSTRAINT = "uk_location_prison_path"


async def get(tx: Connection, location_id: UUID) -> LocationRow | None:
    """Return a row."""
    record = await tx.fetchrow(f"SELECT {_LIST} FROM location WHERE id = $1", location_id)  # noqa: S608 - constants
    return row_from(record) if record else None


async def get_many(tx: Connection, ids: Collection[UUID]) -> dict[UUID, LocationRow]:
    """Return the rows of these ids."""
    records = await tx.fetch(
        f"SELECT {_LIST} FROM location WHERE id = ANY($1::uuid[])",  # noqa: S608 - constants
        list(ids),
    )
    return {record["id"]: row_from(record) for record in records}


async def at_path(tx: Connection, prison_id: str, path: str) -> LocationRow | None:
    """Return the row with this path."""
    record = await tx.fetchrow(
        f"SELECT {_LIST} FROM location WHERE prison_id = $1 AND path_hierarchy = $2",  # noqa: S608 - constants
        prison_id,
        path,
    )
    return row_from(record) if record else None


async def lock(tx: Connection, location_id: UUID) -> LocationRow | None:
    """Return a row, locked against other writers until the transaction ends."""
    record = await tx.fetchrow(
        f"SELECT {_LIST} FROM location WHERE id = $1 FOR NO KEY UPDATE",  # noqa: S608 - constants
        location_id,
    )
    return row_from(record) if record else None


async def lock_tree(tx: Connection, prison_id: str) -> None:
    """Serialise changes of a prison's shape: moves and renames take this before any row."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtext('location tree'), hashtext($1))", prison_id)


async def insert(tx: Connection, row: LocationRow) -> None:
    """Insert a row. Raises LocationKeyTaken."""
    try:
        async with tx.transaction():
            await tx.execute(f"INSERT INTO location ({_LIST}) VALUES ({_VALUES})", *row.columns())  # noqa: S608
    except asyncpg.UniqueViolationError as taken:
        raise await _taken(tx, row) from taken


async def save(tx: Connection, row: LocationRow) -> None:
    """Write a row whole. Raises LocationKeyTaken."""
    try:
        async with tx.transaction():
            await tx.execute(f"UPDATE location SET {_SET} WHERE id = ${_ID}", *row.columns())  # noqa: S608 - constants
    except asyncpg.UniqueViolationError as taken:
        raise await _taken(tx, row) from taken


async def _taken(tx: Connection, row: LocationRow) -> LocationKeyTaken:
    holder = await at_path(tx, row.prison_id, row.path_hierarchy)
    return LocationKeyTaken(row.key, holder.id if holder else row.id)


async def rename_below(tx: Connection, row: LocationRow, path: str) -> None:
    """Give `row` and all below it their paths under `path`, in one statement. Raises LocationKeyTaken."""
    try:
        async with tx.transaction():
            await tx.execute(
                """
                WITH RECURSIVE below AS (
                    SELECT id FROM location WHERE id = $1
                    UNION ALL
                    SELECT child.id FROM location child JOIN below ON child.parent_id = below.id)
                UPDATE location SET path_hierarchy = $2 || substr(path_hierarchy, length($3) + 1)
                  FROM below WHERE location.id = below.id
                """,
                row.id,
                path,
                row.path_hierarchy,
            )
    except asyncpg.UniqueViolationError as taken:
        holder = await at_path(tx, row.prison_id, path)
        raise LocationKeyTaken(f"{row.prison_id}-{path}", holder.id if holder else row.id) from taken


async def is_below(tx: Connection, candidate: UUID, top: UUID) -> bool:
    """Whether `candidate` is `top` or stands somewhere below it."""
    found = await tx.fetchval(
        """
        WITH RECURSIVE above AS (
            SELECT id, parent_id FROM location WHERE id = $1
            UNION
            SELECT l.id, l.parent_id FROM location l JOIN above ON l.id = above.parent_id)
        SELECT EXISTS (SELECT FROM above WHERE id = $2)
        """,
        candidate,
        top,
    )
    return bool(found)


async def has_children(tx: Connection, location_id: UUID) -> bool:
    """Whether anything stands below."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM location WHERE parent_id = $1)", location_id))


async def delete(tx: Connection, location_id: UUID) -> None:
    """Delete a row with its history and sync state."""
    await tx.execute("DELETE FROM location WHERE id = $1", location_id)


async def add_history(tx: Connection, changes: Sequence[HistoryRow]) -> None:
    """Add history, in this order."""
    if not changes:
        return
    await tx.execute(
        """
        INSERT INTO location_history (location_id, attribute_name, old_value, new_value, amended_by, amended_date)
        SELECT h.location, h.attribute, h.old, h.new, h.by, h.at
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamp[])
               WITH ORDINALITY AS h (location, attribute, old, new, by, at, place)
         ORDER BY h.place
        """,
        [change.location_id for change in changes],
        [change.attribute.value for change in changes],
        [change.old_value for change in changes],
        [change.new_value for change in changes],
        [change.amended_by for change in changes],
        [change.amended_date for change in changes],
    )
