"""Runs, their suspects and their mismatches."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from libs.db.pool import Database, Row
from libs.domain.switch_over import CleanCheck
from libs.messaging.audit import Act, Auditor
from services.reconciliation.errors import LeaseLost, RunActive, RunNotFound
from services.reconciliation.records import Counts, Finding, Mismatch, NotedSuspect, Run, Suspect, Verdict

_RUN = """
    SELECT r.*, coalesce(m.mismatches, 0) AS mismatches, coalesce(m.findings, '{}') AS findings
      FROM run r
      CROSS JOIN LATERAL (
           SELECT sum(n)::bigint AS mismatches, jsonb_object_agg(finding, n) AS findings
             FROM (SELECT finding, count(*) AS n FROM mismatch WHERE run_id = r.run_id GROUP BY 1) f) m
"""
_SUSPECT = ("run_id", "look", "digest", "dps_id", "nomis_id")
_MISMATCH = ("run_id", "finding", "dps_id", "nomis_id", "prison_id", "key", "reason", "differences")


class RunStore:
    """Each method is one transaction; asking for a run is noted with who asked."""

    def __init__(self, database: Database, auditor: Auditor) -> None:
        self._db = database
        self._auditor = auditor

    async def request(
        self, prison_id: str | None, by: str, now: datetime, *, settles: bool, scheduled_for: datetime | None = None
    ) -> int:
        """Ask for a run. Raises RunActive, also when this time of the schedule had its run."""
        try:
            async with self._db.transaction() as tx:
                run_id: int = await tx.fetchval(
                    """
                    INSERT INTO run (prison_id, requested_by, requested_at, settles, scheduled_for)
                    VALUES ($1, $2, $3, $4, $5) RETURNING run_id
                    """,
                    prison_id,
                    by,
                    now,
                    settles,
                    scheduled_for,
                )
                told = {"runId": run_id, "prisonId": prison_id, "settles": settles}
                asked = Act("LOCATION_RECONCILIATION_REQUESTED", by, str(run_id), "RECONCILIATION_RUN_ID", told)
                await self._auditor.note(tx, asked)
        except asyncpg.UniqueViolationError as taken:
            raise RunActive from taken
        return run_id

    async def was_scheduled(self, scheduled_for: datetime) -> bool:
        """Whether this time of the schedule had its run."""
        return bool(await self._db.fetchval("SELECT EXISTS (SELECT FROM run WHERE scheduled_for = $1)", scheduled_for))

    async def lease(self, now: datetime, lease: timedelta, attempts_max: int) -> tuple[Run, datetime] | None:
        """Take the run that waits, or that nobody works on any more; what it had found is forgotten.

        One that was taken too often has failed. The second value names this lease.
        """
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(
                """
                SELECT run_id, attempts FROM run
                 WHERE status IN ('REQUESTED', 'RUNNING') AND leased_until < $1 FOR UPDATE SKIP LOCKED
                """,
                now,
            )
            if row is None:
                return None
            run_id = row["run_id"]
            if row["attempts"] >= attempts_max:
                await tx.execute(
                    """
                    UPDATE run SET status = 'FAILED', ended_at = $2, failure = coalesce(failure, 'died')
                     WHERE run_id = $1
                    """,
                    run_id,
                    now,
                )
                return None
            await tx.execute("DELETE FROM suspect WHERE run_id = $1", run_id)
            await tx.execute("DELETE FROM mismatch WHERE run_id = $1", run_id)
            until = now + lease
            await tx.execute(
                """
                UPDATE run SET status = 'RUNNING', attempts = attempts + 1, leased_until = $2,
                       started_at = $3 WHERE run_id = $1
                """,
                run_id,
                until,
                now,
            )
        return await self.run(run_id), until

    async def progress(self, run_id: int, held: datetime, until: datetime, counts: Counts) -> datetime:
        """Note what was counted and keep the lease. Raises LeaseLost."""
        kept = await self._db.fetchval(
            """
            UPDATE run SET leased_until = $3, nomis_rows = $4, dps_locations = $5, ignored = $6, compared = $7,
                   suspected = $8, in_flight = $9
             WHERE run_id = $1 AND leased_until = $2 AND status = 'RUNNING' RETURNING true
            """,
            run_id,
            held,
            until,
            *asdict(counts).values(),
        )
        if not kept:
            raise LeaseLost
        return until

    async def release(self, run_id: int, held: datetime, failure: str) -> None:
        """Give a run back at once, with what went wrong."""
        await self._db.execute(
            "UPDATE run SET leased_until = '-infinity', failure = $3 WHERE run_id = $1 AND leased_until = $2",
            run_id,
            held,
            failure,
        )

    async def complete(self, run_id: int, held: datetime, now: datetime) -> None:
        """End a run. Two halves of one key that were each missed on the other side lack only their link."""
        async with self._db.transaction() as tx:
            await tx.execute(_DROP_TWINS, run_id)
            await tx.execute(_JOIN_HALVES, run_id)
            await tx.execute("DELETE FROM suspect WHERE run_id = $1", run_id)
            done = await tx.fetchval(
                """
                UPDATE run SET status = 'COMPLETED', ended_at = $3, failure = NULL
                 WHERE run_id = $1 AND leased_until = $2 AND status = 'RUNNING' RETURNING true
                """,
                run_id,
                held,
                now,
            )
            if not done:
                raise LeaseLost

    async def run(self, run_id: int) -> Run:
        """Return a run. Raises RunNotFound."""
        row = await self._db.fetchrow(f"{_RUN} WHERE r.run_id = $1", run_id)
        if row is None:
            raise RunNotFound(run_id)
        return Run.model_validate(dict(row))

    async def last_check(self, prison_id: str) -> CleanCheck | None:
        """Return the last completed run that looked at a prison, with what it found there."""
        row = await self._db.fetchrow(
            """
            SELECT run_id, started_at, ended_at, compared, in_flight AS unsettled,
                   (SELECT count(*) FROM mismatch m WHERE m.run_id = r.run_id AND m.prison_id = $1) AS mismatches
              FROM run r
             WHERE status = 'COMPLETED' AND (prison_id IS NULL OR prison_id = $1) ORDER BY run_id DESC LIMIT 1
            """,
            prison_id,
        )
        return CleanCheck(**dict(row)) if row else None

    async def runs(self, most: int) -> list[Run]:
        """Return runs, newest first."""
        rows = await self._db.fetch(f"{_RUN} ORDER BY r.run_id DESC LIMIT $1", most)
        return [Run.model_validate(dict(row)) for row in rows]

    async def add_suspects(self, run_id: int, suspects: Sequence[Suspect]) -> None:
        """Note who is to be looked at again."""
        await self._db.execute(
            """
            INSERT INTO suspect (run_id, dps_id, nomis_id)
            SELECT $1, s.dps, s.nomis FROM unnest($2::uuid[], $3::bigint[]) AS s (dps, nomis)
            """,
            run_id,
            [each.dps_id for each in suspects],
            [each.nomis_id for each in suspects],
        )

    async def suspects(self, run_id: int, look: int, after: int, most: int) -> list[NotedSuspect]:
        """Return the suspects after one that wait for this look."""
        rows = await self._db.fetch(
            """
            SELECT suspect_id, dps_id::text, nomis_id, digest FROM suspect
             WHERE run_id = $1 AND look = $2 AND suspect_id > $3 ORDER BY suspect_id LIMIT $4
            """,
            run_id,
            look,
            after,
            most,
        )
        return [NotedSuspect(row[0], Suspect(row[1], row[2]), row[3]) for row in rows]

    async def decide(self, run_id: int, look: int, mismatches: Sequence[Verdict], again: Sequence[Verdict]) -> None:
        """Report what two looks saw the same, and note for the next look who is still undecided, and what was seen."""
        records = [
            (
                run_id,
                each.finding,
                _uuid(each.dps_id),
                each.nomis_id,
                each.prison_id,
                each.key,
                each.reason,
                [difference.shown() for difference in each.differences],
            )
            for each in mismatches
        ]
        noted = [(run_id, look + 1, each.digest, _uuid(each.dps_id), each.nomis_id) for each in again]
        async with self._db.transaction() as tx:
            await tx.copy_records_to_table("suspect", records=noted, columns=_SUSPECT)
            await tx.copy_records_to_table("mismatch", records=records, columns=_MISMATCH)

    async def mismatches(self, run_id: int, after: int, most: int, finding: Finding | None = None) -> list[Mismatch]:
        """Return mismatches of a run after one, of one finding or of all."""
        rows = await self._db.fetch(
            """
            SELECT mismatch_id, finding, dps_id AS dps_location_id, nomis_id AS nomis_location_id, prison_id, key,
                   reason, differences
              FROM mismatch WHERE run_id = $1 AND mismatch_id > $2 AND ($4::text IS NULL OR finding = $4)
             ORDER BY mismatch_id LIMIT $3
            """,
            run_id,
            after,
            most,
            finding,
        )
        return [_mismatch(row) for row in rows]

    async def all_mismatches(self, run_id: int, page: int) -> AsyncIterator[list[Mismatch]]:
        """Give all mismatches of a run, by page."""
        after = 0
        while found := await self.mismatches(run_id, after, page):
            yield found
            after = found[-1].mismatch_id


_DROP_TWINS = """
    DELETE FROM mismatch WHERE mismatch_id IN (
        SELECT mismatch_id FROM (
            SELECT mismatch_id, row_number() OVER (PARTITION BY dps_id, nomis_id ORDER BY mismatch_id) AS place
              FROM mismatch WHERE run_id = $1) t
         WHERE place > 1)
        OR (run_id = $1 AND finding = 'MISSING_IN_DPS' AND nomis_id IN (
            SELECT nomis_id FROM mismatch WHERE run_id = $1 AND finding = 'MISSING_MAPPING'))
"""
_JOIN_HALVES = """
    WITH halves AS (
        SELECT d.mismatch_id AS kept, d.dps_id, n.mismatch_id AS gone, n.nomis_id
          FROM mismatch d JOIN mismatch n ON n.run_id = d.run_id AND n.key = d.key AND n.prison_id = d.prison_id
         WHERE d.run_id = $1 AND d.finding = 'MISSING_IN_NOMIS' AND n.finding = 'MISSING_IN_DPS'),
    removed AS (DELETE FROM mismatch WHERE mismatch_id IN (SELECT gone FROM halves))
    UPDATE mismatch m SET finding = 'MISSING_MAPPING', nomis_id = h.nomis_id,
           reason = 'both halves are there and are not linked'
      FROM halves h WHERE m.mismatch_id = h.kept
"""


def _uuid(dps_id: str | None) -> UUID | None:
    return UUID(dps_id) if dps_id is not None else None


def _mismatch(row: Row) -> Mismatch:
    return Mismatch.model_validate(dict(row))
