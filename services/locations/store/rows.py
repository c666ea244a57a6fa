"""Reads, locks and writes rows of `location`, and what hangs on them."""

from collections.abc import Collection, Sequence
from operator import attrgetter
from uuid import UUID

import asyncpg

from libs.db.pool import Connection
from services.locations.errors import HasChildren, LocationKeyTaken
from services.locations.records import COLUMNS, Change, HistoryRow, LocationRow, ever_differing, row_from

_LIST = ", ".join(COLUMNS)
# Rows travel as one JSON parameter, so that a statement is the same for one row and for a thousand.
_GIVEN = "jsonb_populate_recordset(NULL::location, $1::jsonb)"
_INSERT = f"INSERT INTO location ({_LIST}) SELECT {_LIST} FROM {_GIVEN}"  # noqa: S608 - constants


async def get(tx: Connection, location_id: UUID) -> LocationRow | None:
    """Return a row."""
    record = await tx.fetchrow(f"SELECT {_LIST} FROM location WHERE id = $1", location_id)  # noqa: S608 - constants
    return row_from(record) if record else None


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


async def lock_each(tx: Connection, ids: Collection[UUID]) -> dict[UUID, LocationRow]:
    """Do the same for many, in one order for all; unknown ones are absent."""
    records = await tx.fetch(
        f"""
        SELECT {_LIST} FROM location WHERE id = ANY($1::uuid[])
         ORDER BY path_hierarchy, prison_id FOR NO KEY UPDATE
        """,  # noqa: S608 - constants
        list(ids),
    )
    return {row.id: row for row in map(row_from, records)}


async def lock_tree(tx: Connection, *prisons: str) -> None:
    """Serialise changes of prisons' shapes. Taken before any row is held; the rest of the order is in ADR 0012."""
    await tx.execute(
        """
        SELECT pg_advisory_xact_lock(hashtext('location tree'), tree)
          FROM (SELECT DISTINCT hashtext(prison) AS tree FROM unnest($1::text[]) AS p (prison) ORDER BY 1) AS trees
        """,
        prisons,
    )


async def share_trees(tx: Connection, prisons: Collection[str]) -> None:
    """Keep prisons' shapes as they are until the transaction ends; others who only add may share them."""
    await tx.execute(
        """
        SELECT pg_advisory_xact_lock_shared(hashtext('location tree'), tree)
          FROM (SELECT DISTINCT hashtext(prison) AS tree FROM unnest($1::text[]) AS p (prison) ORDER BY 1) AS trees
        """,
        list(prisons),
    )


async def lock_trees_of(tx: Connection, ids: Collection[UUID]) -> None:
    """Do the same for the prisons of these locations."""
    await tx.execute(
        """
        SELECT pg_advisory_xact_lock(hashtext('location tree'), tree)
          FROM (SELECT DISTINCT hashtext(prison_id) AS tree
                  FROM location WHERE id = ANY($1::uuid[]) ORDER BY 1) AS trees
        """,
        list(ids),
    )


async def share_trees_of(tx: Connection, ids: Collection[UUID]) -> None:
    """Share the trees of the prisons of these locations."""
    await tx.execute(
        """
        SELECT pg_advisory_xact_lock_shared(hashtext('location tree'), tree)
          FROM (SELECT DISTINCT hashtext(prison_id) AS tree
                  FROM location WHERE id = ANY($1::uuid[]) ORDER BY 1) AS trees
        """,
        list(ids),
    )


async def insert(tx: Connection, *rows: LocationRow) -> None:
    """Insert rows, in one statement. Raises LocationKeyTaken."""
    await _write(tx, _INSERT, rows)


async def save(tx: Connection, *changes: Change) -> None:
    """Write rows that changed, in one statement and only the columns that differ. Raises LocationKeyTaken."""
    names = ever_differing(changes) if changes else []
    if not names:
        return
    told = ", ".join(f"{name} = changed.{name}" for name in names)
    sql = f"UPDATE location SET {told} FROM {_GIVEN} AS changed WHERE location.id = changed.id"  # noqa: S608 - columns
    await _write(tx, sql, [after for _, after in changes], ["id", *names])


async def _write(tx: Connection, sql: str, rows: Sequence[LocationRow], names: Sequence[str] = COLUMNS) -> None:
    read = attrgetter(*names)
    given = [
        dict(zip(names, read(row), strict=True)) if not row.usages else {name: row.fields()[name] for name in names}
        for row in rows
    ]
    if "path_hierarchy" not in names:
        await tx.execute(sql, given)
        return
    try:
        async with tx.transaction():
            await tx.execute(sql, given)
    except asyncpg.UniqueViolationError as taken:
        raise await _taken(tx, rows) from taken


async def _taken(tx: Connection, rows: Sequence[LocationRow]) -> LocationKeyTaken:
    """Say which of these paths somebody else holds."""
    record = await tx.fetchrow(
        """
        SELECT held.id, held.prison_id, held.path_hierarchy
          FROM unnest($1::uuid[], $2::text[], $3::text[]) AS wanted (id, prison, path)
          JOIN location held ON held.prison_id = wanted.prison AND held.path_hierarchy = wanted.path
         WHERE held.id <> wanted.id LIMIT 1
        """,
        [row.id for row in rows],
        [row.prison_id for row in rows],
        [row.path_hierarchy for row in rows],
    )
    if record is None:
        return LocationKeyTaken(rows[0].key, rows[0].id)
    return LocationKeyTaken(f"{record['prison_id']}-{record['path_hierarchy']}", record["id"])


async def rename(tx: Connection, row: LocationRow, path: str) -> None:
    """Give `row` this path, and all below it theirs, in one statement; saving what else changes is the caller's.

    All at once, as codes may contain hyphens: `A-1` becomes `A` while `A-1-1` becomes `A-1`. Raises LocationKeyTaken.
    """
    try:
        async with tx.transaction():
            await tx.execute(
                """
                WITH RECURSIVE renamed AS (
                    SELECT id FROM location WHERE id = $1
                    UNION ALL
                    SELECT child.id FROM location child JOIN renamed ON child.parent_id = renamed.id)
                UPDATE location SET path_hierarchy = $2 || substr(path_hierarchy, length($3) + 1)
                  FROM renamed WHERE location.id = renamed.id
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
    """Delete a row with its history and sync state. Raises HasChildren."""
    try:
        async with tx.transaction():
            await tx.execute("DELETE FROM location WHERE id = $1", location_id)
    except asyncpg.ForeignKeyViolationError as stands:
        raise HasChildren(str(location_id)) from stands


async def add_history(tx: Connection, changes: Sequence[HistoryRow]) -> None:
    """Add history, in this order, in one statement."""
    if not changes:
        return
    await tx.execute(
        """
        INSERT INTO location_history (location_id, attribute_name, old_value, new_value, amended_by, amended_date)
        SELECT (h->>0)::uuid, h->>1, h->>2, h->>3, h->>4, (h->>5)::timestamp
          FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS given (h, place) ORDER BY place
        """,
        [(c.location_id, c.attribute, c.old_value, c.new_value, c.amended_by, c.amended_date) for c in changes],
    )
