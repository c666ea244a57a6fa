"""Conflicts as people read and answer them."""

from datetime import datetime
from typing import Any

from libs.db.pool import Connection, Row
from services.locations.records import ConflictFilter, RecordedConflict

_CONFLICT = """
    SELECT c.id, c.location_id, c.key, c.field, c.base, c.dps, c.nomis, c.won, c.reason, c.detected_at, c.detected_by,
           c.acknowledged_at, c.acknowledged_by, c.chosen
      FROM conflict c
"""


async def listed(tx: Connection, wish: ConflictFilter, after: int, most: int) -> list[RecordedConflict]:
    """Return conflicts in the order they were found, after one."""
    rows = await tx.fetch(
        f"""
        {_CONFLICT}
         WHERE c.id > $1 AND ($3::uuid IS NULL OR c.location_id = $3) AND ($4::text IS NULL OR c.field = $4)
           AND ($5::text IS NULL OR c.won = $5)
           AND ($6::boolean IS NULL OR (c.acknowledged_at IS NOT NULL) = $6)
           AND ($7::text[] IS NULL OR split_part(c.key, '-', 1) = ANY($7))
         ORDER BY c.id LIMIT $2
        """,
        after,
        most,
        wish.location_id,
        wish.field,
        wish.won,
        wish.acknowledged,
        sorted(wish.prisons) if wish.prisons is not None else None,
    )
    return [_recorded(row) for row in rows]


async def get(tx: Connection, conflict_id: int, *, lock: bool = False) -> RecordedConflict | None:
    """Return a conflict, locked if it is about to be answered."""
    row = await tx.fetchrow(f"{_CONFLICT} WHERE c.id = $1 {'FOR UPDATE' if lock else ''}", conflict_id)
    return _recorded(row) if row else None


async def answer(tx: Connection, conflict_id: int, by: str, now: datetime, chosen: str | None = None) -> None:
    """Note who saw it, the first time, and what was chosen."""
    await tx.execute(
        """
        UPDATE conflict SET acknowledged_at = coalesce(acknowledged_at, $2),
               acknowledged_by = coalesce(acknowledged_by, $3), chosen = coalesce($4, chosen)
         WHERE id = $1
        """,
        conflict_id,
        now,
        by,
        chosen,
    )


def _recorded(row: Row) -> RecordedConflict:
    values: dict[str, Any] = dict(row)
    return RecordedConflict(**values)
