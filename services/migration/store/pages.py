"""The items of a run: listed, cut into pages by wave, leased, marked; and how a run ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from libs.db.pool import Connection, Database
from libs.domain.nomis import NomisLocationId
from services.migration.errors import MigrationNotFound
from services.migration.records import Item, Status, Verdict
from services.migration.rules.page import CANCELLED


class PageStore:
    """Items and pages. Each method is one transaction unless it takes a connection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def listing(self, migration_id: str) -> tuple[Status, int, bool]:
        """Return status, pages listed so far, and whether listing is over. Raises MigrationNotFound."""
        row = await self._db.fetchrow(
            "SELECT status, pages_listed, listing_complete FROM migration_history WHERE migration_id = $1",
            migration_id,
        )
        if row is None:
            raise MigrationNotFound(migration_id)
        return Status(row["status"]), row["pages_listed"], row["listing_complete"]

    async def add_listed(
        self,
        migration_id: str,
        page: int,
        rows: Sequence[tuple[NomisLocationId, NomisLocationId | None]],
    ) -> None:
        """Add one page of ids; a page that was added before changes nothing."""
        async with self._db.transaction() as tx:
            moved = await tx.fetchval(
                """
                UPDATE migration_history SET pages_listed = $2 + 1
                 WHERE migration_id = $1 AND pages_listed = $2 AND NOT listing_complete RETURNING true
                """,
                migration_id,
                page,
            )
            if moved:
                await tx.execute(
                    """
                    INSERT INTO migration_item (migration_id, nomis_id, parent_nomis_id)
                    SELECT $1, i.id, i.parent FROM unnest($2::bigint[], $3::bigint[]) AS i (id, parent)
                    ON CONFLICT DO NOTHING
                    """,
                    migration_id,
                    [location for location, _ in rows],
                    [parent for _, parent in rows],
                )

    async def finish_listing(self, migration_id: str) -> None:
        """Give each item the wave of its depth, parents first."""
        async with self._db.transaction() as tx:
            last = await tx.fetchval(
                """
                UPDATE migration_history SET listing_complete = true
                 WHERE migration_id = $1 AND NOT listing_complete RETURNING true
                """,
                migration_id,
            )
            if not last:
                return
            await tx.execute(
                """
                WITH RECURSIVE depth AS (
                    SELECT i.nomis_id, 0 AS wave FROM migration_item i
                     WHERE i.migration_id = $1
                       AND (i.parent_nomis_id IS NULL OR NOT EXISTS (
                            SELECT FROM migration_item p
                             WHERE p.migration_id = $1 AND p.nomis_id = i.parent_nomis_id))
                    UNION ALL
                    SELECT i.nomis_id, d.wave + 1 FROM depth d
                      JOIN migration_item i ON i.migration_id = $1 AND i.parent_nomis_id = d.nomis_id
                     WHERE d.wave < 50)
                UPDATE migration_item i SET wave = d.wave
                  FROM depth d WHERE i.migration_id = $1 AND i.nomis_id = d.nomis_id AND d.wave > 0
                """,
                migration_id,
            )

    async def waiting_pages(self, migration_id: str, now: datetime, most: int) -> list[int]:
        """Return some of the pages that nobody works on, the oldest first."""
        rows = await self._db.fetch(
            """
            SELECT page FROM migration_page WHERE migration_id = $1 AND NOT done AND leased_until < $2
             ORDER BY page LIMIT $3
            """,
            migration_id,
            now,
            most,
        )
        return [row["page"] for row in rows]

    async def lease(self, migration_id: str, page: int, now: datetime, lease: timedelta) -> list[Item] | None:
        """Take a page to work on; None when it is done, taken, or the run is not running."""
        taken = await self._db.fetchval(
            """
            UPDATE migration_page p SET leased_until = $4
              FROM migration_history h
             WHERE p.migration_id = $1 AND p.page = $2 AND NOT p.done AND p.leased_until < $3
               AND h.migration_id = $1 AND h.status = 'STARTED'
            RETURNING true
            """,
            migration_id,
            page,
            now,
            now + lease,
        )
        if not taken:
            return None
        rows = await self._db.fetch(
            """
            SELECT nomis_id, parent_nomis_id FROM migration_item
             WHERE migration_id = $1 AND page = $2 AND state = 'pending' ORDER BY nomis_id
            """,
            migration_id,
            page,
        )
        return [Item(row["nomis_id"], row["parent_nomis_id"]) for row in rows]

    async def release(self, migration_id: str, page: int) -> None:
        """Give a page back at once."""
        await self._db.execute(
            "UPDATE migration_page SET leased_until = '-infinity' WHERE migration_id = $1 AND page = $2 AND NOT done",
            migration_id,
            page,
        )

    async def prisons(self, migration_id: str) -> frozenset[str]:
        """Return the prisons a run is limited to; none means all."""
        found: list[str] | None = await self._db.fetchval(
            "SELECT prisons FROM migration_history WHERE migration_id = $1", migration_id
        )
        return frozenset(found or ())

    async def mark(self, migration_id: str, page: int, verdicts: Sequence[Verdict], now: datetime) -> None:
        """Record what became of a page's items and close the page, in one transaction."""
        async with self._db.transaction() as tx:
            await tx.execute(
                """
                UPDATE migration_item i
                   SET state = v.state, reason = v.reason, dps_id = coalesce(v.dps_id, i.dps_id), nomis_key = v.key,
                       prison_id = v.prison, attempts = i.attempts + 1, last_tried_at = $8,
                       first_tried_at = coalesce(i.first_tried_at, $8)
                  FROM unnest($2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[])
                       AS v (id, state, reason, dps_id, key, prison)
                 WHERE i.migration_id = $1 AND i.nomis_id = v.id AND i.state = 'pending'
                """,
                migration_id,
                [v.nomis_id for v in verdicts],
                [v.state.value for v in verdicts],
                [v.reason for v in verdicts],
                [v.dps_id for v in verdicts],
                [v.key for v in verdicts],
                [v.prison_id for v in verdicts],
                now,
            )
            await tx.execute(
                "UPDATE migration_page SET done = true WHERE migration_id = $1 AND page = $2", migration_id, page
            )

    async def advance(self, migration_id: str, page_size: int, now: datetime) -> tuple[Status, list[int]]:
        """Open the next wave when this one is done, end the run when nothing is pending; return status and new pages.

        The run's row is locked, so of two that mark the last two pages one sees both done.
        """
        async with self._db.transaction() as tx:
            run = await tx.fetchrow(
                "SELECT status, listing_complete, wave FROM migration_history WHERE migration_id = $1 FOR UPDATE",
                migration_id,
            )
            if run is None:
                raise MigrationNotFound(migration_id)
            status = Status(run["status"])
            if status is Status.CANCELLED_REQUESTED:
                return await self._cancel(tx, migration_id, now), []
            if status is not Status.STARTED or not run["listing_complete"] or await self._open(tx, migration_id):
                return status, []
            if pages := await self._cut(tx, migration_id, page_size):
                return status, pages
            return await self._end(tx, migration_id, Status.COMPLETED, now), []

    async def _open(self, tx: Connection, migration_id: str) -> bool:
        return bool(
            await tx.fetchval(
                "SELECT EXISTS (SELECT FROM migration_page WHERE migration_id = $1 AND NOT done)", migration_id
            )
        )

    async def _cut(self, tx: Connection, migration_id: str, page_size: int) -> list[int]:
        """Cut the next wave into pages. None when nothing is left, or when a wave of repeats moved nothing."""
        wave = await tx.fetchval(
            "SELECT min(wave) FROM migration_item WHERE migration_id = $1 AND state = 'pending' AND page IS NULL",
            migration_id,
        )
        if wave is None:
            return await self._cut_repeats(tx, migration_id, page_size)
        return await self._pages(tx, migration_id, page_size, wave, "page IS NULL AND wave = $3")

    async def _cut_repeats(self, tx: Connection, migration_id: str, page_size: int) -> list[int]:
        """Try again those whose parent was missing, as long as each round moves something; then they have failed."""
        moved = await tx.fetchval(
            """
            SELECT count(*) FILTER (WHERE i.state <> 'pending') FROM migration_item i
             WHERE i.migration_id = $1 AND i.page IN (
                   SELECT page FROM migration_page WHERE migration_id = $1
                      AND wave = (SELECT max(wave) FROM migration_page WHERE migration_id = $1))
            """,
            migration_id,
        )
        pending = await tx.fetchval(
            "SELECT count(*) FROM migration_item WHERE migration_id = $1 AND state = 'pending'", migration_id
        )
        if not pending:
            return []
        if not moved:
            await tx.execute(
                "UPDATE migration_item SET state = 'failed' WHERE migration_id = $1 AND state = 'pending'", migration_id
            )
            return []
        wave = await tx.fetchval("SELECT max(wave) + 1 FROM migration_page WHERE migration_id = $1", migration_id)
        return await self._pages(tx, migration_id, page_size, wave, "$3::integer IS NOT NULL")

    async def _pages(self, tx: Connection, migration_id: str, page_size: int, wave: int, which: str) -> list[int]:
        first = await tx.fetchval(
            "SELECT coalesce(max(page) + 1, 0) FROM migration_page WHERE migration_id = $1", migration_id
        )
        await tx.execute(
            f"""
            UPDATE migration_item i SET page = $4 + n.page
              FROM (SELECT nomis_id, (row_number() OVER (ORDER BY nomis_id) - 1) / $2 AS page
                      FROM migration_item WHERE migration_id = $1 AND state = 'pending' AND {which}) n
             WHERE i.migration_id = $1 AND i.nomis_id = n.nomis_id
            """,  # noqa: S608 - `which` is one of two constants above
            migration_id,
            page_size,
            wave,
            first,
        )
        rows = await tx.fetch(
            """
            INSERT INTO migration_page (migration_id, page, wave)
            SELECT DISTINCT $1::text, page, $2::integer FROM migration_item
             WHERE migration_id = $1 AND state = 'pending' AND page >= $3
            RETURNING page
            """,
            migration_id,
            wave,
            first,
        )
        await tx.execute("UPDATE migration_history SET wave = $2 WHERE migration_id = $1", migration_id, wave)
        return sorted(row["page"] for row in rows)

    async def _cancel(self, tx: Connection, migration_id: str, now: datetime) -> Status:
        working = await tx.fetchval(
            "SELECT EXISTS (SELECT FROM migration_page WHERE migration_id = $1 AND NOT done AND leased_until > $2)",
            migration_id,
            now,
        )
        if working:
            return Status.CANCELLED_REQUESTED
        await tx.execute(
            """
            UPDATE migration_item SET state = 'skipped', reason = $2
             WHERE migration_id = $1 AND state = 'pending'
            """,
            migration_id,
            CANCELLED,
        )
        return await self._end(tx, migration_id, Status.CANCELLED, now)

    async def _end(self, tx: Connection, migration_id: str, status: Status, now: datetime) -> Status:
        await tx.execute(
            """
            UPDATE migration_history SET status = $2, when_ended = $3, listing_complete = true
             WHERE migration_id = $1
            """,
            migration_id,
            status.value,
            now,
        )
        return status
