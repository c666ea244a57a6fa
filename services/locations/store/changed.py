"""The changes of locations in the order of the transactions that made them, deletions among them (ADR 0014)."""

from dataclasses import dataclass
from uuid import UUID

from libs.db.pool import Connection, Database, Row

Asked = Database | Connection
BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Place:
    """After which change to go on: its transaction, and its location within that."""

    transaction: int = 0
    location_id: UUID = BEFORE_ALL


# All below the snapshot's xmin have ended, so nothing can be committed between what is shown here and an earlier page.
_PAGE = """
    SELECT now.epoch, changed.* FROM change_epoch now LEFT JOIN LATERAL (
        (SELECT changed_in, id, prison_id, prison_id || '-' || path_hierarchy AS key, version,
                when_updated AS changed_at, false AS deleted
           FROM location
          WHERE (changed_in, id) > ($1::text::xid8, $2::uuid)
            AND changed_in < pg_snapshot_xmin(pg_current_snapshot())
          ORDER BY changed_in, id LIMIT $3)
        UNION ALL
        (SELECT changed_in, location_id, prison_id, key, NULL, deleted_at AT TIME ZONE 'Europe/London', true
           FROM tombstone
          WHERE (changed_in, location_id) > ($1::text::xid8, $2::uuid)
            AND changed_in < pg_snapshot_xmin(pg_current_snapshot())
          ORDER BY changed_in, location_id LIMIT $3)
        ORDER BY changed_in, id LIMIT $3) changed ON true
"""


async def page(asked: Asked, after: Place, size: int) -> tuple[int, list[Row]]:
    """Return the epoch, and the changes that follow one, each location once, at its latest."""
    rows = await asked.fetch(_PAGE, str(after.transaction), after.location_id, size)
    return rows[0]["epoch"], [row for row in rows if row["id"] is not None]


async def begin_epoch_if_restored(tx: Connection) -> bool:
    """Give all rows a new transaction if some carry one that this server has not had yet; tell whether it was so.

    A transaction that is numbered like an old one would otherwise tell its changes where readers have been already.
    """
    await tx.execute("SELECT FROM change_epoch FOR UPDATE")
    ahead: bool = await tx.fetchval(
        """
        SELECT greatest((SELECT changed_in FROM location ORDER BY changed_in DESC LIMIT 1),
                        (SELECT changed_in FROM tombstone ORDER BY changed_in DESC LIMIT 1))
               > pg_snapshot_xmax(pg_current_snapshot())
        """
    )
    if ahead:
        await tx.execute("UPDATE location SET changed_in = DEFAULT; UPDATE tombstone SET changed_in = DEFAULT")
        await tx.execute("UPDATE change_epoch SET epoch = epoch + 1")
    return bool(ahead)
