"""What was not migrated, by reason and row by row, and how failed rows are tried again."""

from collections.abc import Sequence

import asyncpg

from libs.db.pool import Connection, Database
from libs.messaging.audit import Auditor
from services.migration.errors import MigrationActive, MigrationNotFound, MigrationOver
from services.migration.records import Failures, ItemQuery, ItemRow, RetryWish, Status
from services.migration.rules.page import PARENT_MISSING
from services.migration.store.runs import act

# Those that failed for want of a chosen one follow it.
_CHOSEN = """
    WITH RECURSIVE chosen AS (
        SELECT nomis_id FROM migration_item
         WHERE migration_id = $1 AND state = 'failed'
           AND ($2::bigint[] IS NULL OR nomis_id = ANY($2)) AND ($3::text IS NULL OR reason = $3)
        UNION
        SELECT i.nomis_id FROM chosen c
          JOIN migration_item i ON i.migration_id = $1 AND i.parent_nomis_id = c.nomis_id
         WHERE i.state = 'failed' AND i.reason = $4)
"""


class FailureStore:
    """Reads and reopens. Each method is one transaction."""

    def __init__(self, database: Database, auditor: Auditor) -> None:
        self._db = database
        self._auditor = auditor

    async def grouped(self, migration_id: str, sample: int) -> list[Failures]:
        """Return the reasons of all that was not migrated, most frequent first, with some ids of each."""
        rows = await self._db.fetch(
            """
            SELECT state, coalesce(reason, '') AS reason, count(*) AS count,
                   (array_agg(nomis_id ORDER BY nomis_id))[1:$2] AS nomis_location_ids
              FROM migration_item WHERE migration_id = $1 AND state IN ('skipped', 'failed')
             GROUP BY state, reason ORDER BY count DESC, reason
            """,
            migration_id,
            sample,
        )
        return [Failures(**dict(row)) for row in rows]

    async def items(self, migration_id: str, query: ItemQuery) -> list[ItemRow]:
        """Return locations of a run in the order of their NOMIS ids."""
        rows = await self._db.fetch(
            """
            SELECT nomis_id AS nomis_location_id, nomis_key AS key, prison_id, state, reason, attempts,
                   first_tried_at AT TIME ZONE 'Europe/London' AS first_tried_at,
                   last_tried_at AT TIME ZONE 'Europe/London' AS last_tried_at, dps_id AS dps_location_id
              FROM migration_item
             WHERE migration_id = $1 AND nomis_id > $2 AND ($3::text IS NULL OR state = $3)
               AND ($4::text IS NULL OR reason = $4) AND ($5::text IS NULL OR prison_id = $5)
             ORDER BY nomis_id LIMIT $6
            """,
            migration_id,
            query.after,
            query.state,
            query.reason,
            query.prison_id,
            query.size,
        )
        return [ItemRow(**dict(row)) for row in rows]

    async def reopen(self, migration_id: str, wish: RetryWish, by: str) -> int:
        """Make failed items pending again and the run a running one; return how many.

        Raises MigrationNotFound, MigrationOver for a cancelled run, MigrationActive when another one runs.
        """
        try:
            async with self._db.transaction() as tx:
                status = await _locked(tx, migration_id)
                if status in {Status.CANCELLED, Status.CANCELLED_REQUESTED}:
                    raise MigrationOver(migration_id, status)
                reopened = await _reopened(tx, migration_id, wish)
                if reopened:
                    await tx.execute(
                        "UPDATE migration_history SET status = 'STARTED', when_ended = NULL WHERE migration_id = $1",
                        migration_id,
                    )
                    told = {"retried": reopened, "reason": wish.reason}
                    await self._auditor.note(tx, act("MIGRATION_RETRIED", by, migration_id, **told))
        except asyncpg.UniqueViolationError as taken:
            raise MigrationActive(await self._active()) from taken
        return reopened

    async def _active(self) -> str:
        found: str | None = await self._db.fetchval(
            "SELECT migration_id FROM migration_history WHERE status IN ('STARTED', 'CANCELLED_REQUESTED')"
        )
        return found or "that has just ended"


async def _locked(tx: Connection, migration_id: str) -> Status:
    status = await tx.fetchval("SELECT status FROM migration_history WHERE migration_id = $1 FOR UPDATE", migration_id)
    if status is None:
        raise MigrationNotFound(migration_id)
    return Status(status)


async def _reopened(tx: Connection, migration_id: str, wish: RetryWish) -> int:
    """Put what is chosen behind every wave that was, parents still before children."""
    ids: Sequence[int] | None = list(wish.nomis_location_ids) or None
    rows = await tx.fetch(
        f"""
        {_CHOSEN}
        UPDATE migration_item i
           SET state = 'pending',
               wave = i.wave + 1 - (SELECT min(wave) FROM migration_item JOIN chosen USING (nomis_id)
                                     WHERE migration_id = $1)
                    + (SELECT coalesce(max(wave), 0) FROM migration_page WHERE migration_id = $1)
          FROM chosen c WHERE i.migration_id = $1 AND i.nomis_id = c.nomis_id
        RETURNING i.nomis_id
        """,  # noqa: S608 - a constant above
        migration_id,
        ids,
        wish.reason,
        PARENT_MISSING,
    )
    return len(rows)
