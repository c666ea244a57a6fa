"""Bulk reads and COPY for pages of a migration."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from libs.db.pool import Connection
from libs.domain.nomis import NomisLocationId
from services.locations.records import COLUMNS, HistoryRow, LocationRow

_HISTORY = ("location_id", "attribute_name", "old_value", "new_value", "amended_by", "amended_date")
_STATE = ("location_id", "state_version", "nomis_location_id", "nomis_description", "base", "history_imported")

StateRow = tuple[UUID, int, int, str, dict[str, Any], bool]


async def parents(tx: Connection, ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return prison and path of these locations."""
    records = await tx.fetch("SELECT id, prison_id, path_hierarchy FROM location WHERE id = ANY($1::uuid[])", list(ids))
    return {record["id"]: (record["prison_id"], record["path_hierarchy"]) for record in records}


async def known(tx: Connection, ids: Collection[UUID]) -> dict[UUID, bool]:
    """Return which of these ids are there, and whether their history was imported."""
    records = await tx.fetch(
        """
        SELECT l.id, coalesce(s.history_imported, false) AS imported
          FROM location l LEFT JOIN sync_state s ON s.location_id = l.id WHERE l.id = ANY($1::uuid[])
        """,
        list(ids),
    )
    return {record["id"]: record["imported"] for record in records}


async def buried(tx: Connection, ids: Collection[UUID]) -> set[UUID]:
    """Return which of these ids were deleted."""
    records = await tx.fetch("SELECT location_id FROM tombstone WHERE location_id = ANY($1::uuid[])", list(ids))
    return {record["location_id"] for record in records}


async def one_way(tx: Connection, prisons: Collection[str]) -> set[str]:
    """Return which of these prisons take no change from NOMIS; where each stands is held until the transaction ends."""
    records = await tx.fetch(
        "SELECT prison_id, one_way FROM prison_sync WHERE prison_id = ANY($1::text[]) ORDER BY prison_id FOR SHARE",
        list(prisons),
    )
    return {record["prison_id"] for record in records if record["one_way"]}


async def claim(tx: Connection, rows: Sequence[tuple[UUID, NomisLocationId]]) -> None:
    """Note which row each of these locations is about to be linked to, so that sync does not make it another."""
    await tx.executemany(
        """
        INSERT INTO sync_state (location_id, state_version, nomis_location_id) VALUES ($1, 1, $2)
        ON CONFLICT (location_id) DO UPDATE
           SET state_version = sync_state.state_version + 1, nomis_location_id = excluded.nomis_location_id
        """,
        rows,
    )


async def holders(
    tx: Connection, paths: Sequence[tuple[str, str, NomisLocationId]]
) -> dict[tuple[str, str], tuple[UUID, bool]]:
    """Return who holds these (prison, path) pairs, and whether the holder has another NOMIS row or is being given one.

    A holder claimed for this very row is still to be had: whoever claimed it may have died before it was linked.
    """
    records = await tx.fetch(
        """
        SELECT l.prison_id, l.path_hierarchy, l.id,
               coalesce(s.nomis_location_id <> wanted.nomis_id, s.published ? 'key', false) AS linked
          FROM unnest($1::text[], $2::text[], $3::bigint[]) AS wanted (prison, path, nomis_id)
          JOIN location l ON l.prison_id = wanted.prison AND l.path_hierarchy = wanted.path
          LEFT JOIN sync_state s ON s.location_id = l.id
        """,
        [prison for prison, _, _ in paths],
        [path for _, path, _ in paths],
        [nomis_id for _, _, nomis_id in paths],
    )
    return {(r["prison_id"], r["path_hierarchy"]): (r["id"], r["linked"]) for r in records}


async def copy_locations(tx: Connection, rows: Sequence[LocationRow]) -> None:
    """Insert locations; parents need not stand before children, but must be among them or there."""
    await tx.copy_records_to_table("location", records=[row.columns() for row in rows], columns=COLUMNS)


async def copy_states(tx: Connection, states: Sequence[StateRow]) -> None:
    """Insert sync states."""
    await tx.copy_records_to_table("sync_state", records=states, columns=_STATE)


async def copy_history(tx: Connection, changes: Sequence[HistoryRow]) -> None:
    """Insert history."""
    records = [
        (c.location_id, c.attribute.value, c.old_value, c.new_value, c.amended_by, c.amended_date) for c in changes
    ]
    await tx.copy_records_to_table("location_history", records=records, columns=_HISTORY)


async def mark_imported(tx: Connection, ids: Collection[UUID]) -> None:
    """Note that the history of these was imported."""
    await tx.execute(
        """
        INSERT INTO sync_state (location_id, history_imported) SELECT id, true FROM unnest($1::uuid[]) AS t (id)
        ON CONFLICT (location_id) DO UPDATE SET history_imported = true
        """,
        list(ids),
    )
