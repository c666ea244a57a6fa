"""What sync remembers of a location, tombstones, conflicts, and how a prison's sync stands."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.db.pool import Connection
from libs.domain.nomis import NomisLocationId
from libs.domain.sync import Conflict, Side, SyncState
from services.locations.records import LocationRow


@dataclass(frozen=True, slots=True)
class PrisonSync:
    """Who masters a prison, and whether NOMIS's changes are still taken."""

    authority: Side = Side.DPS
    one_way: bool = False


async def prison(tx: Connection, prison_id: str) -> PrisonSync:
    """Return how a prison's sync stands; DPS, both ways, unless set. The row is held until the transaction ends."""
    return (await prisons(tx, [prison_id])).get(prison_id, PrisonSync())


async def prisons(tx: Connection, ids: Collection[str]) -> dict[str, PrisonSync]:
    """Do the same for many prisons, held in one order for all; where nothing was set they are absent."""
    records = await tx.fetch(
        """
        SELECT prison_id, authority, one_way FROM prison_sync
         WHERE prison_id = ANY($1::text[]) ORDER BY prison_id FOR SHARE
        """,
        list(ids),
    )
    return {each["prison_id"]: PrisonSync(Side(each["authority"]), each["one_way"]) for each in records}


async def state(tx: Connection, row: LocationRow) -> SyncState:
    """Return a location's sync state; one that staff made and no walk has met has an empty one."""
    return (await states(tx, {row.id: row}))[row.id]


async def states(tx: Connection, rows: Mapping[UUID, LocationRow]) -> dict[UUID, SyncState]:
    """Return the sync state of each of these rows."""
    records = await tx.fetch(
        """
        SELECT location_id, state_version, nomis_location_id, nomis_description, base, published
          FROM sync_state WHERE location_id = ANY($1::uuid[])
        """,
        list(rows),
    )
    kept = {record["location_id"]: dict(record) for record in records}
    stand = await prisons(tx, {row.prison_id for row in rows.values()})
    found: dict[UUID, SyncState] = {}
    for row in rows.values():
        stands = stand.get(row.prison_id, PrisonSync())
        known: dict[str, Any] = kept.get(row.id) or {"state_version": 0}
        known.pop("location_id", None)
        found[row.id] = SyncState(version=row.version, authority=stands.authority, one_way=stands.one_way, **known)
    return found


async def save_states(tx: Connection, states: Mapping[UUID, SyncState]) -> None:
    """Write locations' sync states whole, under their new versions, in one statement."""
    if not states:
        return
    given = [
        {
            "location_id": location_id,
            "state_version": state.state_version,
            "nomis_location_id": state.nomis_location_id,
            "nomis_description": state.nomis_description,
            "base": state.base,
            "published": state.published,
        }
        for location_id, state in states.items()
    ]
    await tx.execute(
        """
        INSERT INTO sync_state (location_id, state_version, nomis_location_id, nomis_description, base, published)
        SELECT location_id, state_version, nomis_location_id, nomis_description, base, published
          FROM jsonb_populate_recordset(NULL::sync_state, $1::jsonb)
        ON CONFLICT (location_id) DO UPDATE
           SET state_version = excluded.state_version, nomis_location_id = excluded.nomis_location_id,
               nomis_description = excluded.nomis_description, base = excluded.base, published = excluded.published
        """,
        given,
    )


async def bury(tx: Connection, row: LocationRow, nomis_id: NomisLocationId | None, by: str, now: datetime) -> None:
    """Leave a tombstone."""
    await tx.execute(
        """
        INSERT INTO tombstone (location_id, nomis_location_id, prison_id, key, deleted_at, deleted_by)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        row.id,
        nomis_id,
        row.prison_id,
        row.key,
        now,
        by,
    )


async def is_buried(tx: Connection, location_id: UUID) -> bool:
    """Whether this id was deleted."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM tombstone WHERE location_id = $1)", location_id))


async def add_conflicts(
    tx: Connection, location_id: UUID, key: str, conflicts: Sequence[Conflict], by: str, now: datetime
) -> None:
    """Record conflicts; one that stands unacknowledged already is not recorded twice."""
    for conflict in conflicts:
        await tx.execute(
            """
            INSERT INTO conflict (location_id, key, field, base, dps, nomis, won, reason, detected_at, detected_by)
            SELECT $1, $2, $3::varchar, $4::jsonb, $5::jsonb, $6::jsonb, $7, $8, $9, $10
             WHERE NOT EXISTS (
                   SELECT FROM conflict
                    WHERE location_id = $1 AND field = $3::varchar AND base IS NOT DISTINCT FROM $4::jsonb
                      AND dps IS NOT DISTINCT FROM $5::jsonb AND nomis IS NOT DISTINCT FROM $6::jsonb
                      AND acknowledged_at IS NULL)
            """,
            location_id,
            key,
            conflict.field,
            conflict.base,
            conflict.dps,
            conflict.nomis,
            conflict.won.value,
            conflict.reason,
            now,
            by,
        )


async def conflicts(tx: Connection, location_id: UUID | None, after: int, most: int) -> list[dict[str, Any]]:
    """Return conflicts in the order they were found, after an id; of one location or of all."""
    records = await tx.fetch(
        """
        SELECT id, location_id, key, field, base, dps, nomis, won, reason, detected_at, detected_by, acknowledged_at,
               acknowledged_by
          FROM conflict WHERE id > $1 AND ($2::uuid IS NULL OR location_id = $2) ORDER BY id LIMIT $3
        """,
        after,
        location_id,
        most,
    )
    return [dict(record) for record in records]
