"""Locations that are due for a look, and those that nothing can settle.

Noting is an upsert by location: a message that comes twice costs one look more, so there is no inbox.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from libs.db.pool import Database
from libs.domain.sync import Side
from libs.messaging.audit import Act, Auditor
from services.reconciliation.records import DueLocation, Noted, Parked, Sides, Waiting
from services.reconciliation.rules.settling import UNCONFIRMED, Ask, Decided, Park, Settled, Wait

LOCKS = 7_265_002
"""Class of the advisory locks: whoever looks at a location holds its lock until the look has ended."""

_TAKE = """
    SELECT side, id, noted, rounds, asked, digest FROM (
        SELECT * FROM due WHERE due_at <= $1 AND parked_at IS NULL ORDER BY due_at LIMIT $2) d
     WHERE pg_try_advisory_lock($3, hashtext(side || id))
"""
_NOTE = """
    INSERT INTO due (side, id, prison_id, due_at, since)
    SELECT n.side, n.id, n.prison, $4, $5 FROM unnest($1::text[], $2::text[], $3::text[]) AS n (side, id, prison)
     ORDER BY 1, 2
    ON CONFLICT (side, id) DO UPDATE
       SET due_at = least(excluded.due_at, due.since + $6), noted = due.noted + 1, parked_at = NULL, asked = 0,
           prison_id = coalesce(excluded.prison_id, due.prison_id)
"""
# Whoever changes many locks them in one order, or two that meet on the same wait for each other for ever.
_LOCK = """
    SELECT FROM due d JOIN unnest($1::text[], $2::text[]) AS g (side, id) USING (side, id)
     ORDER BY d.side, d.id FOR UPDATE OF d
"""
_RESUME = """
    UPDATE due SET due_at = $1, noted = noted + 1, parked_at = NULL, rounds = 0, asked = 0, digest = NULL
     WHERE (side, id) IN (SELECT side, id FROM due
"""
_PARKED_IN_ORDER = "AND parked_at IS NOT NULL ORDER BY side, id FOR UPDATE)"
# What is wrong in a run is looked at without delay; what is parked stays so, unless a person asks.
_NOTE_RUN = """
    INSERT INTO due (side, id, prison_id, due_at, since)
    SELECT CASE WHEN dps_id IS NULL THEN 'NOMIS' ELSE 'DPS' END, coalesce(dps_id::text, nomis_id::text),
           min(prison_id), $2, $2
      FROM mismatch WHERE run_id = $1 AND ($4::bigint[] IS NULL OR mismatch_id = ANY($4)) GROUP BY 1, 2
     ORDER BY 1, 2
    ON CONFLICT (side, id) DO UPDATE
       SET due_at = $2, noted = due.noted + 1, asked = 0,
           parked_at = CASE WHEN $3 THEN NULL ELSE due.parked_at END,
           rounds = CASE WHEN $3 THEN 0 ELSE due.rounds END
"""
# Parked before a run that saw its location equal, it is out of date. What only waits to be confirmed no run reports.
_FORGET_EQUAL = """
    DELETE FROM due d USING run r
     WHERE r.run_id = $1 AND d.parked_at < r.started_at AND (r.prison_id IS NULL OR d.prison_id = r.prison_id)
       AND NOT d.reason LIKE '%' || $2
       AND NOT EXISTS (SELECT FROM mismatch m WHERE m.run_id = $1 AND d.id IN (m.dps_id::text, m.nomis_id::text))
"""

_PARKED = """
    SELECT side || '-' || id AS at, side, id AS location_id, prison_id, key, reason, parked_at, rounds
      FROM due WHERE parked_at IS NOT NULL
"""


class DueStore:
    """The table `due`; what a person demands is noted with who that was."""

    def __init__(self, database: Database, auditor: Auditor) -> None:
        self._db = database
        self._auditor = auditor

    async def note(
        self,
        told: Collection[DueLocation],
        now: datetime,
        settle: timedelta,
        longest: timedelta,
        given_up: Collection[str] = (),
    ) -> None:
        """Note that these changed: each is due after `settle`, and `longest` after it was first told of.

        Who is parked under a key that a row of NOMIS gave up is due with them: it may have waited for that.
        """
        each = {(location.side, location.id): location for location in told}.values()
        sides, ids = [location.side.value for location in each], [location.id for location in each]
        prisons = [location.prison_id for location in each]
        await self._db.execute(_NOTE, sides, ids, prisons, now + settle, now, longest)
        if given_up:
            await self._db.execute(f"{_RESUME} WHERE key = ANY($2) {_PARKED_IN_ORDER}", now + settle, [*given_up])

    async def demand(self, location: DueLocation, now: datetime, by: str) -> None:
        """Have a location looked at now, and its workers asked again, whatever was known of it."""
        subject = "LOCATION_ID" if location.side is Side.DPS else "NOMIS_LOCATION_ID"
        async with self._db.transaction() as tx:
            await tx.execute(
                """
                INSERT INTO due (side, id, prison_id, due_at, since) VALUES ($1, $2, $3, $4, $4)
                ON CONFLICT (side, id) DO UPDATE
                   SET due_at = $4, noted = due.noted + 1, parked_at = NULL, rounds = 0, asked = 0, digest = NULL
                """,
                location.side.value,
                location.id,
                location.prison_id,
                now,
            )
            await self._auditor.note(tx, Act("LOCATION_REPAIR_REQUESTED", by, location.id, subject, {}))

    async def note_run(
        self, run_id: int, now: datetime, demanded_by: str | None = None, mismatches: Sequence[int] | None = None
    ) -> int:
        """Have mismatches of a run looked at now, all or these; return how many locations those are.

        What a person demands is looked at though it was parked. What is parked and was seen equal is forgotten.
        """
        async with self._db.transaction() as tx:
            await tx.execute(_FORGET_EQUAL, run_id, UNCONFIRMED)
            tag = await tx.execute(_NOTE_RUN, run_id, now, demanded_by is not None, mismatches)
            noted = int(tag.rsplit(" ", 1)[1])
            if demanded_by is not None:
                act = Act(
                    "LOCATION_REPAIR_REQUESTED", demanded_by, str(run_id), "RECONCILIATION_RUN_ID", {"locations": noted}
                )
                await self._auditor.note(tx, act)
        return noted

    async def resume(self, prison_id: str, reason: str, now: datetime) -> int:
        """Have looked at now what is parked in a prison for a reason that is none any more; return how many."""
        whose = f"{_RESUME} WHERE prison_id = $2 AND reason = $3 {_PARKED_IN_ORDER}"
        tag = await self._db.execute(whose, now, prison_id, reason)
        return int(tag.rsplit(" ", 1)[1])

    @asynccontextmanager
    async def taken(self, now: datetime, most: int) -> AsyncIterator[list[Waiting]]:
        """Take what is due, the longest waiting first, less what another replica is looking at.

        The locks are the session's: they go with the connection, also when the process dies.
        """
        async with self._db.connection() as connection:
            rows = await connection.fetch(_TAKE, now, most, LOCKS)
            yield [
                Waiting(
                    DueLocation(Side(row["side"]), row["id"]),
                    row["noted"],
                    Noted(row["rounds"], row["asked"], row["digest"]),
                )
                for row in rows
            ]

    async def decide(self, decided: Sequence[Decided], over: Sequence[DueLocation], now: datetime) -> None:
        """Write what follows for each. What was told of meanwhile stays due as it is.

        `over` names the other ids of locations that were looked at: what is parked under these is out of date.
        """
        done = [each.waiting for each in decided if isinstance(each.step, Settled)]
        touched = [*(each.waiting.where for each in decided), *over]
        async with self._db.transaction() as tx:
            await tx.execute(_LOCK, [each.side.value for each in touched], [each.id for each in touched])
            await tx.execute(
                """
                DELETE FROM due d USING unnest($1::text[], $2::text[], $3::bigint[]) AS g (side, id, noted)
                 WHERE d.side = g.side AND d.id = g.id AND d.noted = g.noted
                """,
                [each.where.side.value for each in done],
                [each.where.id for each in done],
                [each.told for each in done],
            )
            await tx.execute(
                """
                DELETE FROM due d USING unnest($1::text[], $2::text[]) AS g (side, id)
                 WHERE d.side = g.side AND d.id = g.id AND d.parked_at IS NOT NULL
                """,
                [each.side.value for each in over],
                [each.id for each in over],
            )
            for each in decided:
                if not isinstance(each.step, Settled):
                    where, kept = each.waiting.where, _kept(each.step, now)
                    about = (each.key, now, each.prison_id)
                    await tx.execute(_KEEP, where.side.value, where.id, each.waiting.told, *kept, *about)

    async def oldest(self) -> datetime | None:
        """Return since when the longest waiting is due."""
        found: datetime | None = await self._db.fetchval("SELECT min(due_at) FROM due WHERE parked_at IS NULL")
        return found

    async def waiting(self, prison_id: str | None = None) -> tuple[int, int]:
        """Count the locations that are due, now or later, and those that are parked; of one prison or of all."""
        row = await self._db.fetchrow(
            """
            SELECT count(*) FILTER (WHERE parked_at IS NULL), count(*) FILTER (WHERE parked_at IS NOT NULL)
              FROM due WHERE $1::text IS NULL OR prison_id = $1
            """,
            prison_id,
        )
        assert row is not None
        return row[0], row[1]

    async def parked(self, after: str, most: int, prison_id: str | None = None) -> list[Parked]:
        """Return what is parked, in the order of `side-id`, after one."""
        rows = await self._db.fetch(
            f"{_PARKED} AND side || '-' || id > $1 AND ($3::text IS NULL OR prison_id = $3) ORDER BY 1 LIMIT $2",
            after,
            most,
            prison_id,
        )
        return [Parked.model_validate(dict(row)) for row in rows]

    async def parked_of(self, sides: Sides) -> Parked | None:
        """Return why a location is parked, under whichever of its ids; None when it is not."""
        row = await self._db.fetchrow(
            f"{_PARKED} AND (side = 'DPS' AND id = $1 OR side = 'NOMIS' AND id = $2) ORDER BY parked_at DESC LIMIT 1",
            sides.dps_id,
            None if sides.nomis_id is None else str(sides.nomis_id),
        )
        return Parked.model_validate(dict(row)) if row else None


_KEEP = """
    UPDATE due SET rounds = $6, digest = $8, reason = $9, key = $10, since = $11, prison_id = coalesce($12, prison_id),
           due_at = CASE WHEN noted = $3 THEN $4 ELSE due_at END,
           parked_at = CASE WHEN noted = $3 THEN $5::timestamptz END,
           asked = CASE WHEN noted = $3 THEN $7 ELSE asked END
     WHERE side = $1 AND id = $2
"""


def _kept(step: Ask | Wait | Park, now: datetime) -> tuple[object, ...]:
    due_at = now if isinstance(step, Park) else now + step.after
    parked_at = now if isinstance(step, Park) else None
    reason = step.reason if isinstance(step, Park) else ""
    noted = step.noted
    return due_at, parked_at, noted.rounds, noted.asked, noted.digest, reason
