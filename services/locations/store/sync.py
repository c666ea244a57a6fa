"""What sync remembers of a location, tombstones, conflicts, and how a prison's sync stands."""

from collections.abc import Sequence
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
    record = await tx.fetchrow("SELECT authority, one_way FROM prison_sync WHERE prison_id = $1 FOR SHARE", prison_id)
    return PrisonSync(Side(record["authority"]), record["one_way"]) if record else PrisonSync()


async def state(tx: Connection, row: LocationRow) -> SyncState:
    """Return a location's sync state; one that staff made and no walk has met has an empty one."""
    record = await tx.fetchrow(
        """
        SELECT state_version, nomis_location_id, nomis_description, base, published
          FROM sync_state WHERE location_id = $1
        """,
        row.id,
    )
    stands = await prison(tx, row.prison_id)
    kept: dict[str, Any] = dict(record) if record else {"state_version": 0}
    return SyncState(version=row.version, authority=stands.authority, one_way=stands.one_way, **kept)


async def save_state(tx: Connection, location_id: UUID, state: SyncState) -> None:
    """Write a location's sync state whole, under its new version."""
    await tx.execute(
        """
        INSERT INTO sync_state (location_id, state_version, nomis_location_id, nomis_description, base, published)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (location_id) DO UPDATE
           SET state_version = $2, nomis_location_id = $3, nomis_description = $4, base = $5, published = $6
        """,
        location_id,
        state.state_version,
        state.nomis_location_id,
        state.nomis_description,
        state.base,
        state.published,
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
