"""Runs and their history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from libs.db.pool import Database
from services.migration.errors import MigrationActive, MigrationNotFound
from services.migration.records import Failures, InProgress, ItemState, MigrationRun

_RUN = """
    SELECT h.migration_id, h.when_started AT TIME ZONE 'Europe/London' AS when_started,
           h.when_ended AT TIME ZONE 'Europe/London' AS when_ended, h.estimated_record_count, h.filter,
           h.migration_type, h.status, h.migration_id AS id, h.listing_complete,
           c.records_listed, c.records_migrated, c.records_skipped, c.records_failed, c.records_pending
      FROM migration_history h
      CROSS JOIN LATERAL (
           SELECT count(*) AS records_listed,
                  count(*) FILTER (WHERE state = 'migrated') AS records_migrated,
                  count(*) FILTER (WHERE state = 'skipped') AS records_skipped,
                  count(*) FILTER (WHERE state = 'failed') AS records_failed,
                  count(*) FILTER (WHERE state = 'pending') AS records_pending
             FROM migration_item i WHERE i.migration_id = h.migration_id) c
"""


class RunStore:
    """Runs with their accounts. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def start(
        self,
        started: datetime,
        migration_id: str,
        by: str,
        filter_json: str,
        prisons: Sequence[str],
        estimated: int,
    ) -> None:
        """Open a run. Raises MigrationActive."""
        try:
            await self._db.execute(
                """
                INSERT INTO migration_history
                       (migration_id, when_started, started_by, filter, prisons, estimated_record_count)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                migration_id,
                started,
                by,
                filter_json,
                list(prisons),
                estimated,
            )
        except asyncpg.UniqueViolationError as taken:
            raise MigrationActive(await self.active_id() or migration_id) from taken

    async def active_id(self) -> str | None:
        """Return the id of the run under way."""
        found: str | None = await self._db.fetchval(
            "SELECT migration_id FROM migration_history WHERE status IN ('STARTED', 'CANCELLED_REQUESTED')"
        )
        return found

    async def run(self, migration_id: str) -> MigrationRun:
        """Return one run with its accounts. Raises MigrationNotFound."""
        row = await self._db.fetchrow(f"{_RUN} WHERE h.migration_id = $1", migration_id)
        if row is None:
            raise MigrationNotFound(migration_id)
        return MigrationRun(**dict(row))

    async def runs(
        self,
        since: datetime | None,
        until: datetime | None,
        *,
        only_failures: bool,
        filter_contains: str | None = None,
    ) -> list[MigrationRun]:
        """Return runs that started within both ends (London, inclusive), newest first."""
        rows = await self._db.fetch(
            f"""
            {_RUN}
             WHERE ($1::timestamp IS NULL OR h.when_started AT TIME ZONE 'Europe/London' >= $1)
               AND ($2::timestamp IS NULL OR h.when_started AT TIME ZONE 'Europe/London' <= $2)
               AND (NOT $3 OR c.records_failed > 0)
               AND ($4::text IS NULL OR strpos(h.filter, $4) > 0)
             ORDER BY h.when_started DESC
            """,
            since,
            until,
            only_failures,
            filter_contains,
        )
        return [MigrationRun(**dict(row)) for row in rows]

    async def latest(self) -> InProgress | None:
        """Return the newest run as the dashboard reads it."""
        row = await self._db.fetchrow(f"{_RUN} ORDER BY h.when_started DESC LIMIT 1")
        return InProgress(**dict(row)) if row else None

    async def request_cancel(self, migration_id: str) -> bool:
        """Ask a running one to stop; False when it is not running. Raises MigrationNotFound."""
        done = await self._db.fetchval(
            """
            UPDATE migration_history SET status = 'CANCELLED_REQUESTED'
             WHERE migration_id = $1 AND status = 'STARTED' RETURNING true
            """,
            migration_id,
        )
        if not done:
            await self.run(migration_id)
        return bool(done)

    async def failures(self, migration_id: str, sample: int) -> list[Failures]:
        """Return the reasons of all that was not migrated, most frequent first."""
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

    async def wipe(self) -> None:
        """Delete the history of ended runs."""
        await self._db.execute("DELETE FROM migration_history WHERE status IN ('COMPLETED', 'CANCELLED')")

    async def states(self, migration_id: str) -> dict[ItemState, int]:
        """Count the items of a run by state."""
        rows: Sequence[Any] = await self._db.fetch(
            "SELECT state, count(*) AS n FROM migration_item WHERE migration_id = $1 GROUP BY state", migration_id
        )
        return {ItemState(row["state"]): row["n"] for row in rows}
