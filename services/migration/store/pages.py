"""The items of a run: listed, cut into pages by wave, leased, marked; and how a run ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from libs.db.pool import Connection, Database
from libs.domain.nomis import ListedLocation, NomisLocationId
from services.migration.errors import MigrationNotFound
from services.migration.records import Advance, Item, ItemState, Kind, Lease, Listing, Status, Verdict
from services.migration.rules.page import CANCELLED, OTHER_PRISON
from services.migration.store.notes import differing, noted
from services.migration.store.rehearsals import fail_second_at_one_place
from services.migration.store.waves import CUT, DEPTH_MAX, WAVES

_OPEN = """
    SELECT EXISTS (SELECT FROM migration_page p JOIN migration_history h USING (migration_id)
                    WHERE p.migration_id = $1 AND NOT p.done AND p.wave <= h.wave)
"""


class PageStore:
    """Items and pages. Each method is one transaction unless it takes a connection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def listing(self, migration_id: str) -> Listing:
        """Return how far the listing of a run is. Raises MigrationNotFound."""
        row = await self._db.fetchrow(
            """
            SELECT status, migration_type, paused, pages_listed, listing_complete, prisons, of_migration_id,
                   listed_after
              FROM migration_history WHERE migration_id = $1
            """,
            migration_id,
        )
        if row is None:
            raise MigrationNotFound(migration_id)
        return Listing(
            Status(row["status"]),
            Kind(row["migration_type"]),
            row["paused"],
            row["pages_listed"],
            row["listing_complete"],
            tuple(row["prisons"]),
            row["of_migration_id"],
            row["listed_after"],
        )

    async def add_listed(self, migration_id: str, page: int, rows: Sequence[ListedLocation]) -> None:
        """Add one page of ids; a page that was added before changes nothing.

        What is known to be of a prison that the run leaves out is skipped at once.
        """
        async with self._db.transaction() as tx:
            prisons = await tx.fetchval(
                """
                UPDATE migration_history SET pages_listed = $2 + 1, listed_after = $3
                 WHERE migration_id = $1 AND pages_listed = $2 AND NOT listing_complete RETURNING prisons
                """,
                migration_id,
                page,
                rows[-1].id,
            )
            if prisons is not None:
                await self._insert(tx, migration_id, rows, prisons)

    async def _insert(
        self, tx: Connection, migration_id: str, rows: Sequence[ListedLocation], prisons: Sequence[str]
    ) -> None:
        await tx.execute(
            """
            WITH fresh AS (
                INSERT INTO migration_item (migration_id, nomis_id, parent_nomis_id, prison_id, wave, state, reason)
                SELECT $1, i.id, i.parent, i.prison, i.wave, CASE WHEN left_out THEN 'skipped' ELSE 'pending' END,
                       CASE WHEN left_out THEN $6 END
                  FROM (SELECT *, $5::text[] <> '{}' AND prison <> ALL($5) IS TRUE AS left_out
                          FROM unnest($2::bigint[], $3::bigint[], $4::text[], $7::integer[])
                               AS u (id, parent, prison, wave)) i
                ON CONFLICT DO NOTHING RETURNING nomis_id)
            UPDATE migration_history SET listed_fresh = listed_fresh + (SELECT count(*) FROM fresh)
             WHERE migration_id = $1
            """,
            migration_id,
            [row.id for row in rows],
            [row.parent_id for row in rows],
            [row.prison_id for row in rows],
            prisons,
            OTHER_PRISON,
            await self._waves(tx, migration_id, rows),
        )

    async def _waves(self, tx: Connection, migration_id: str, rows: Sequence[ListedLocation]) -> list[int]:
        """Place each below its parent where that is listed already, as nearly all are; the end of the listing mends."""
        above = {row.parent_id for row in rows if row.parent_id is not None}
        found = await tx.fetch(
            "SELECT nomis_id, wave FROM migration_item WHERE migration_id = $1 AND nomis_id = ANY($2::bigint[])",
            migration_id,
            list(above),
        )
        waves: dict[NomisLocationId | None, int] = {row["nomis_id"]: row["wave"] for row in found}
        for row in rows:
            waves[row.id] = min(waves.get(row.parent_id, -1) + 1, DEPTH_MAX)
        return [waves[row.id] for row in rows]

    async def unlisted(self, migration_id: str, ids: Sequence[NomisLocationId]) -> set[NomisLocationId]:
        """Return which of these ids are not listed yet."""
        rows = await self._db.fetch(
            """
            SELECT id FROM unnest($2::bigint[]) AS u (id)
             WHERE NOT EXISTS (SELECT FROM migration_item WHERE migration_id = $1 AND nomis_id = id)
            """,
            migration_id,
            ids,
        )
        return {NomisLocationId(row["id"]) for row in rows}

    async def list_of(self, migration_id: str, of_migration_id: str) -> None:
        """List what another run brought to DPS or found there; what is listed already stays."""
        await self._db.execute(
            """
            INSERT INTO migration_item (migration_id, nomis_id, prison_id)
            SELECT $1, nomis_id, prison_id FROM migration_item
             WHERE migration_id = $2 AND dps_id IS NOT NULL AND state IN ('migrated', 'skipped')
            ON CONFLICT DO NOTHING
            """,
            migration_id,
            of_migration_id,
        )

    async def end_pass(self, migration_id: str, pages: int, most_again: int) -> bool:
        """Begin another pass when this one, of so many pages, found something new; return whether the list is whole.

        At most so often. A pass that somebody else has ended meanwhile stays as it is, and is no end.
        """
        async with self._db.transaction() as tx:
            run = await tx.fetchrow(
                """
                SELECT listed_fresh, listed_again FROM migration_history
                 WHERE migration_id = $1 AND NOT listing_complete AND pages_listed = $2 FOR UPDATE
                """,
                migration_id,
                pages,
            )
            if run is None or not run["listed_fresh"] or run["listed_again"] >= most_again:
                return run is not None
            await tx.execute(
                """
                UPDATE migration_history
                   SET pages_listed = 0, listed_after = NULL, listed_fresh = 0, listed_again = listed_again + 1
                 WHERE migration_id = $1
                """,
                migration_id,
            )
            return False

    async def finish_listing(self, migration_id: str) -> None:
        """Give each item its wave: prisons in the order of the run, in each the parents first."""
        async with self._db.transaction() as tx:
            last = await tx.fetchval(
                """
                UPDATE migration_history SET listing_complete = true
                 WHERE migration_id = $1 AND NOT listing_complete RETURNING true
                """,
                migration_id,
            )
            if last:
                # Else this statement and those of the pages are planned for the empty table that this was a moment ago.
                await tx.execute("ANALYZE migration_item")
                await tx.execute(WAVES, migration_id, DEPTH_MAX)

    async def waiting_pages(self, migration_id: str, now: datetime, most: int) -> list[int]:
        """Return some of the pages that nobody works on, the oldest first."""
        rows = await self._db.fetch(
            """
            SELECT p.page FROM migration_page p JOIN migration_history h USING (migration_id)
             WHERE p.migration_id = $1 AND NOT p.done AND p.leased_until < $2 AND p.wave <= h.wave
             ORDER BY p.page LIMIT $3
            """,
            migration_id,
            now,
            most,
        )
        return [row["page"] for row in rows]

    async def lease(self, migration_id: str, page: int, now: datetime, lease: timedelta) -> Lease | None:
        """Take a page to work on; None when it is done, taken, or the run is not running."""
        taken = await self._db.fetchrow(
            """
            UPDATE migration_page p SET leased_until = $4, attempts = p.attempts + 1
              FROM migration_history h
             WHERE p.migration_id = $1 AND p.page = $2 AND NOT p.done AND p.leased_until < $3 AND p.wave <= h.wave
               AND h.migration_id = $1 AND h.status = 'STARTED' AND NOT h.paused
            RETURNING p.attempts, p.nomis_ids, h.migration_type, h.prisons
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
             WHERE migration_id = $1 AND nomis_id = ANY($2::bigint[]) AND state = 'pending' ORDER BY nomis_id
            """,
            migration_id,
            taken["nomis_ids"],
        )
        items = [Item(row["nomis_id"], row["parent_nomis_id"]) for row in rows]
        return Lease(items, taken["attempts"], Kind(taken["migration_type"]), frozenset(taken["prisons"]))

    async def keep(self, migration_id: str, page: int, attempt: int, until: datetime) -> bool:
        """Hold a page longer that is worked on; false once it is done or another's."""
        kept = await self._db.execute(
            """
            UPDATE migration_page SET leased_until = $4
             WHERE migration_id = $1 AND page = $2 AND attempts = $3 AND NOT done AND leased_until > '-infinity'
            """,
            migration_id,
            page,
            attempt,
            until,
        )
        return kept != "UPDATE 0"

    async def claim_listing(self, migration_id: str, now: datetime, until: datetime) -> int | None:
        """Become the one who lists, and return the number of this claim; None while another does."""
        claim: int | None = await self._db.fetchval(
            """
            UPDATE migration_history SET listing_until = $3, listing_attempts = listing_attempts + 1
             WHERE migration_id = $1 AND listing_until <= $2 RETURNING listing_attempts
            """,
            migration_id,
            now,
            until,
        )
        return claim

    async def keep_listing(self, migration_id: str, claim: int, until: datetime) -> bool:
        """Go on being the one who lists, or with `until` in the past be it no longer; false once another is."""
        kept = await self._db.execute(
            "UPDATE migration_history SET listing_until = $3 WHERE migration_id = $1 AND listing_attempts = $2",
            migration_id,
            claim,
            until,
        )
        return kept != "UPDATE 0"

    async def release(self, migration_id: str, page: int, attempt: int, failure: str) -> None:
        """Give a page back at once, with what was in the way; nothing happens once it is done or another's."""
        await self._db.execute(
            """
            UPDATE migration_page SET leased_until = '-infinity', last_failure = $4
             WHERE migration_id = $1 AND page = $2 AND attempts = $3 AND NOT done
            """,
            migration_id,
            page,
            attempt,
            failure,
        )

    async def mark(self, migration_id: str, page: int, verdicts: Sequence[Verdict], now: datetime) -> None:
        """Record what became of a page's items and close the page, in one transaction."""
        async with self._db.transaction() as tx:
            await tx.execute(
                """
                UPDATE migration_item i
                   SET state = v.state, reason = v.reason, dps_id = coalesce(v.dps_id, i.dps_id),
                       nomis_key = coalesce(v.key, i.nomis_key), prison_id = coalesce(v.prison, i.prison_id),
                       attempts = i.attempts + 1, last_tried_at = $8,
                       place = v.place,
                       first_tried_at = coalesce(i.first_tried_at, $8)
                  FROM unnest($2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $9::text[])
                       AS v (id, state, reason, dps_id, key, prison, place)
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
                [v.place for v in verdicts],
            )
            if any(v.notes for v in verdicts):
                await noted(tx, migration_id, verdicts)
            if any(v.differences is not None for v in verdicts):
                await differing(tx, migration_id, verdicts)
            await tx.execute(
                """
                UPDATE migration_page SET done = true, done_at = $3, items = $4
                 WHERE migration_id = $1 AND page = $2 AND NOT done
                """,
                migration_id,
                page,
                now,
                sum(v.state is not ItemState.PENDING for v in verdicts),
            )

    async def advance(self, migration_id: str, page_size: int, now: datetime, settle: timedelta) -> Advance:
        """Open the next wave when this one is done, end the run when nothing is pending; return what came of it.

        `settle` is how long a verification waits before its second look. Of two that mark the last two pages the later
        one sees both done. Raises MigrationNotFound.
        """
        if await self._goes_on(migration_id):
            return Advance([])
        async with self._db.transaction() as tx:
            run = await tx.fetchrow(
                """
                SELECT status, listing_complete, paused, migration_type
                  FROM migration_history WHERE migration_id = $1 FOR UPDATE
                """,
                migration_id,
            )
            if run is None:
                raise MigrationNotFound(migration_id)
            status = Status(run["status"])
            if status is Status.CANCELLED_REQUESTED:
                ended = await self._cancel(tx, migration_id, now)
                return Advance([], Status.CANCELLED if ended else None)
            resting = run["paused"] or not run["listing_complete"]
            if status is not Status.STARTED or resting or await tx.fetchval(_OPEN, migration_id):
                return Advance([])
            second_look = now + settle if run["migration_type"] == Kind.VERIFICATION else None
            if pages := await self._next_wave(tx, migration_id, page_size, second_look):
                return Advance(pages)
            if run["migration_type"] == Kind.REHEARSAL:
                await fail_second_at_one_place(tx, migration_id)
            await self._end(tx, migration_id, Status.COMPLETED, now)
            return Advance([], Status.COMPLETED)

    async def _goes_on(self, migration_id: str) -> bool:
        """Whether the wave is under way, as after nearly every page: seen without holding the run's row."""
        return bool(
            await self._db.fetchval(
                f"SELECT status = 'STARTED' AND ({_OPEN}) FROM migration_history WHERE migration_id = $1",  # noqa: S608 - constants
                migration_id,
            )
        )

    async def _next_wave(
        self, tx: Connection, migration_id: str, page_size: int, second_look: datetime | None
    ) -> list[int]:
        """Open the next wave. None when nothing is left, or when a wave of repeats moved nothing."""
        if not await tx.fetchval(
            "SELECT EXISTS (SELECT FROM migration_page WHERE migration_id = $1 AND NOT done)", migration_id
        ):
            cut = await tx.execute(CUT, migration_id, page_size, None, False)
            if cut == "INSERT 0 0" and not await self._cut_repeats(tx, migration_id, page_size, second_look):
                return []
        await tx.execute(
            """
            UPDATE migration_history
               SET wave = (SELECT min(wave) FROM migration_page WHERE migration_id = $1 AND NOT done)
             WHERE migration_id = $1
            """,
            migration_id,
        )
        rows = await tx.fetch(
            """
            SELECT p.page FROM migration_page p JOIN migration_history h USING (migration_id)
             WHERE p.migration_id = $1 AND NOT p.done AND p.wave = h.wave ORDER BY p.page
            """,
            migration_id,
        )
        return [row["page"] for row in rows]

    async def _cut_repeats(
        self, tx: Connection, migration_id: str, page_size: int, second_look: datetime | None
    ) -> bool:
        """Try again those whose parent was missing, as long as each round moves something; then they have failed.

        A verification looks a second time before it says that a location differs, at `second_look`.
        """
        moved = await tx.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM migration_page p, unnest(p.nomis_ids) AS u (id)
                  JOIN migration_item i ON i.migration_id = $1 AND i.nomis_id = u.id AND i.state <> 'pending'
                 WHERE p.migration_id = $1
                   AND p.wave = (SELECT max(wave) FROM migration_page WHERE migration_id = $1))
            """,
            migration_id,
        )
        pending = await tx.fetchrow(
            """
            SELECT count(*) AS n, min(attempts) AS attempts FROM migration_item
             WHERE migration_id = $1 AND state = 'pending'
            """,
            migration_id,
        )
        if pending is None or not pending["n"]:
            return False
        if not moved and (second_look is None or pending["attempts"] > 1):
            await tx.execute(
                "UPDATE migration_item SET state = 'failed' WHERE migration_id = $1 AND state = 'pending'", migration_id
            )
            return False
        await tx.execute(CUT, migration_id, page_size, second_look, True)
        return True

    async def _cancel(self, tx: Connection, migration_id: str, now: datetime) -> bool:
        working = await tx.fetchval(
            "SELECT EXISTS (SELECT FROM migration_page WHERE migration_id = $1 AND NOT done AND leased_until > $2)",
            migration_id,
            now,
        )
        if working:
            return False
        await tx.execute(
            """
            UPDATE migration_item SET state = 'skipped', reason = $2
             WHERE migration_id = $1 AND state = 'pending'
            """,
            migration_id,
            CANCELLED,
        )
        await self._end(tx, migration_id, Status.CANCELLED, now)
        return True

    async def _end(self, tx: Connection, migration_id: str, status: Status, now: datetime) -> None:
        await tx.execute(
            """
            UPDATE migration_history SET status = $2, when_ended = $3, listing_complete = true
             WHERE migration_id = $1
            """,
            migration_id,
            status.value,
            now,
        )
