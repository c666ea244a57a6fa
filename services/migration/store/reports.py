"""What people sign for: a verification by prison, beside the accounts of the migration it looked at."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

from libs.db.pool import Connection, Database
from services.migration.errors import NotVerified
from services.migration.rules.signing import (
    Counted,
    FailedFor,
    PrisonAccounts,
    PrisonReport,
    ReportedDifference,
    SignOff,
)

_VERIFICATION = """
    SELECT v.migration_id, v.of_migration_id, v.status, v.started_by, v.filter,
           v.when_started AT TIME ZONE 'Europe/London' AS when_started,
           v.when_ended AT TIME ZONE 'Europe/London' AS when_ended
      FROM migration_history v
     WHERE v.migration_type = 'LOCATIONS_VERIFICATION' AND (v.migration_id = $1 OR v.of_migration_id = $1)
     ORDER BY v.when_started DESC LIMIT 1
"""
_ACCOUNTS = """
    SELECT coalesce(prison_id, '') AS prison_id, count(*) AS listed,
           count(*) FILTER (WHERE state = 'migrated') AS migrated, count(*) FILTER (WHERE state = 'skipped') AS skipped,
           count(*) FILTER (WHERE state = 'failed') AS failed, count(*) FILTER (WHERE state = 'pending') AS pending
      FROM migration_item WHERE migration_id = $1 GROUP BY 1 ORDER BY 1
"""
_NOTES = """
    SELECT prison_id, subject, what, count(*) AS count FROM migration_note
     WHERE migration_id = $1 GROUP BY prison_id, subject, what ORDER BY prison_id, subject, count DESC, what
"""
_FAILURES = """
    SELECT coalesce(prison_id, '') AS prison_id, coalesce(reason, '') AS reason, count(*) AS count,
           (array_agg(nomis_id ORDER BY nomis_id))[1:$2] AS nomis_location_ids
      FROM migration_item WHERE migration_id = $1 AND state = 'failed' GROUP BY 1, 2 ORDER BY 1, count DESC, 2
"""
_DIFFERENCES = """
    SELECT coalesce(i.prison_id, '') AS prison_id, d.nomis_id AS nomis_location_id, i.nomis_key AS key, d.field,
           d.nomis, d.dps
      FROM (SELECT d.*, row_number() OVER (PARTITION BY i.prison_id ORDER BY d.nomis_id, d.field) AS number
              FROM migration_difference d JOIN migration_item i USING (migration_id, nomis_id)
             WHERE d.migration_id = $1) d
      JOIN migration_item i ON i.migration_id = $1 AND i.nomis_id = d.nomis_id
     WHERE d.number <= $2 ORDER BY 1, 2, d.field
"""
_DIFFERENCE_COUNTS = """
    SELECT coalesce(i.prison_id, '') AS prison_id, count(*) AS count
      FROM migration_difference d JOIN migration_item i USING (migration_id, nomis_id)
     WHERE d.migration_id = $1 GROUP BY 1
"""
Shown = TypeVar("Shown")


class ReportStore:
    """Composes reports of rows; the size is bounded by prisons, reasons and what is shown of each."""

    def __init__(self, database: Database, sample: int, differences_shown: int) -> None:
        self._db = database
        self._sample = sample
        self._shown = differences_shown

    async def sign_off(self, migration_id: str) -> SignOff:
        """Return the report of a verification, or of the latest one of a migration. Raises NotVerified."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            run = await tx.fetchrow(_VERIFICATION, migration_id)
            if run is None:
                raise NotVerified(migration_id)
            prisons = await self._prisons(tx, run["migration_id"], run["of_migration_id"])
        return SignOff.of(dict(run), prisons)

    async def _prisons(self, tx: Connection, verification: str, migration: str | None) -> list[PrisonReport]:
        accounts = await _by_prison(tx, PrisonAccounts, _ACCOUNTS, verification)
        before = await _by_prison(tx, PrisonAccounts, _ACCOUNTS, migration)
        notes = await _by_prison(tx, Counted, _NOTES, verification)
        failures = await _by_prison(tx, FailedFor, _FAILURES, verification, self._sample)
        failed_before = await _by_prison(tx, FailedFor, _FAILURES, migration, self._sample)
        differences = await _by_prison(tx, ReportedDifference, _DIFFERENCES, verification, self._shown)
        counts = {row["prison_id"]: row["count"] for row in await tx.fetch(_DIFFERENCE_COUNTS, verification)}
        return [
            PrisonReport(
                prison_id=prison,
                verified=_one(accounts[prison]),
                migrated=_one(before[prison]),
                notes=tuple(notes[prison]),
                failures=tuple(failures[prison]),
                migration_failures=tuple(failed_before[prison]),
                differences=tuple(differences[prison]),
                differences_total=counts.get(prison, 0),
            )
            for prison in sorted({*accounts, *before})
        ]


async def _by_prison(
    tx: Connection, model: type[Shown], sql: str, migration_id: str | None, *given: int
) -> defaultdict[str, list[Shown]]:
    found: defaultdict[str, list[Shown]] = defaultdict(list)
    for row in await tx.fetch(sql, migration_id, *given) if migration_id else ():
        values: dict[str, Any] = dict(row)
        found[values.pop("prison_id")].append(model(**values))
    return found


def _one(accounts: Iterable[PrisonAccounts]) -> PrisonAccounts | None:
    return next(iter(accounts), None)
