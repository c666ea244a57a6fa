"""Runs and their history."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from libs.db.pool import Database
from libs.messaging.audit import Act, Auditor
from services.migration.errors import IdTaken, MigrationActive, MigrationNotFound, MigrationOver
from services.migration.records import InProgress, ItemState, MigrationRun, RunWish, Status

_RUN = """
    SELECT h.migration_id, h.when_started AT TIME ZONE 'Europe/London' AS when_started,
           h.when_ended AT TIME ZONE 'Europe/London' AS when_ended, h.estimated_record_count, h.filter,
           h.migration_type, h.status, h.migration_id AS id, h.listing_complete, h.paused, h.started_by,
           h.of_migration_id,
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
    """Runs with their accounts. Each method is one transaction, with the note of who did it."""

    def __init__(self, database: Database, auditor: Auditor) -> None:
        self._db = database
        self._auditor = auditor

    async def start(self, started: datetime, migration_id: str, by: str, wish: RunWish) -> None:
        """Open a run. Raises MigrationActive, and IdTaken when an ended run has the id."""
        told = {"migrationType": wish.kind.value, "filter": orjson.loads(wish.filter_json)}
        try:
            async with self._db.transaction() as tx:
                await tx.execute(
                    """
                    INSERT INTO migration_history
                           (migration_id, when_started, started_by, migration_type, filter, prisons,
                            estimated_record_count, of_migration_id)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                    """,
                    migration_id,
                    started,
                    by,
                    wish.kind.value,
                    wish.filter_json,
                    list(wish.prisons),
                    wish.estimated,
                    wish.of_migration_id,
                )
                await self._auditor.note(tx, act("MIGRATION_STARTED", by, migration_id, **told))
        except asyncpg.UniqueViolationError as taken:
            if active := await self.active_id():
                raise MigrationActive(active) from taken
            raise IdTaken(migration_id) from taken

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
        kinds: Collection[str] | None = None,
        filter_contains: str | None = None,
    ) -> list[MigrationRun]:
        """Return runs of these types that started within both ends (London, inclusive), newest first."""
        rows = await self._db.fetch(
            f"""
            {_RUN}
             WHERE ($1::timestamp IS NULL OR h.when_started AT TIME ZONE 'Europe/London' >= $1)
               AND ($2::timestamp IS NULL OR h.when_started AT TIME ZONE 'Europe/London' <= $2)
               AND (NOT $3 OR c.records_failed > 0)
               AND ($4::text IS NULL OR strpos(h.filter, $4) > 0)
               AND ($5::text[] IS NULL OR h.migration_type = ANY($5))
             ORDER BY h.when_started DESC
            """,
            since,
            until,
            only_failures,
            filter_contains,
            None if kinds is None else list(kinds),
        )
        return [MigrationRun(**dict(row)) for row in rows]

    async def newest(self) -> tuple[str, Status] | None:
        """Return the newest run of any kind and where it stands, uncounted; None before the first."""
        row = await self._db.fetchrow(
            "SELECT migration_id, status FROM migration_history ORDER BY when_started DESC LIMIT 1"
        )
        return (row["migration_id"], Status(row["status"])) if row else None

    async def latest(self) -> InProgress | None:
        """Return the newest migration as the dashboard reads it."""
        row = await self._db.fetchrow(
            f"{_RUN} WHERE h.migration_type = 'LOCATIONS' ORDER BY h.when_started DESC LIMIT 1"
        )
        return InProgress(**dict(row)) if row else None

    async def request_cancel(self, migration_id: str, by: str) -> bool:
        """Ask a running one to stop; False when it is not running. Raises MigrationNotFound."""
        async with self._db.transaction() as tx:
            done = await tx.fetchval(
                """
                UPDATE migration_history SET status = 'CANCELLED_REQUESTED', paused = false
                 WHERE migration_id = $1 AND status = 'STARTED' RETURNING true
                """,
                migration_id,
            )
            if done:
                await self._auditor.note(tx, act("MIGRATION_CANCEL_REQUESTED", by, migration_id))
        if not done:
            await self.run(migration_id)
        return bool(done)

    async def set_paused(self, migration_id: str, by: str, *, paused: bool) -> None:
        """Let a run rest or go on. Raises MigrationNotFound, and MigrationOver when it has ended."""
        async with self._db.transaction() as tx:
            done = await tx.fetchval(
                """
                UPDATE migration_history SET paused = $2 WHERE migration_id = $1 AND status = 'STARTED' RETURNING true
                """,
                migration_id,
                paused,
            )
            if done:
                await self._auditor.note(
                    tx, act("MIGRATION_PAUSED" if paused else "MIGRATION_RESUMED", by, migration_id)
                )
        if not done:
            raise MigrationOver(migration_id, (await self.run(migration_id)).status)

    async def wipe(self, by: str) -> None:
        """Delete the history of ended runs."""
        async with self._db.transaction() as tx:
            gone = await tx.fetch(
                "DELETE FROM migration_history WHERE status IN ('COMPLETED', 'CANCELLED') RETURNING migration_id"
            )
            acts = [act("MIGRATION_HISTORY_DELETED", by, row["migration_id"]) for row in gone]
            await self._auditor.note(tx, *acts)

    async def states(self, migration_id: str) -> dict[ItemState, int]:
        """Count the items of a run by state."""
        rows: Sequence[Any] = await self._db.fetch(
            "SELECT state, count(*) AS n FROM migration_item WHERE migration_id = $1 GROUP BY state", migration_id
        )
        return {ItemState(row["state"]): row["n"] for row in rows}


def act(what: str, who: str, migration_id: str, **told: Any) -> Act:
    """Say what somebody did to a run, as auditors read it."""
    return Act(what, who, migration_id, "MIGRATION_ID", {"migrationId": migration_id, **told})
