"""How far a run is, counted in one moment, so that the counts always add up."""

from datetime import datetime, timedelta

from libs.db.pool import Connection, Database, Row
from services.migration.errors import MigrationNotFound
from services.migration.records import ACTIVE, PrisonProgress, Progress, Status, Trouble
from services.migration.rules.pace import Pace, average, pace

_COUNTS = ("listed", "migrated", "skipped", "failed", "pending")


class ProgressStore:
    """Reads progress; nothing of it is kept in memory, so it survives whatever happens to the process."""

    def __init__(self, database: Database, window: timedelta) -> None:
        self._db = database
        self._window = window

    async def progress(self, migration_id: str, now: datetime) -> Progress:
        """Return the counts of a run, in all and by prison, with its pace. Raises MigrationNotFound."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            run = await tx.fetchrow("SELECT * FROM migration_history WHERE migration_id = $1", migration_id)
            if run is None:
                raise MigrationNotFound(migration_id)
            prisons = await _prisons(tx, migration_id)
            lately = await tx.fetchval(
                "SELECT coalesce(sum(items), 0) FROM migration_page WHERE migration_id = $1 AND done AND done_at > $2",
                migration_id,
                now - self._window,
            )
            troubles = await _troubles(tx, migration_id)
        total = {name: sum(getattr(prison, name) for prison in prisons) for name in _COUNTS}
        going = self._pace(run, total, lately, now)
        return Progress(
            migration_id=migration_id,
            migration_type=run["migration_type"],
            status=Status(run["status"]),
            paused=run["paused"],
            estimated=run["estimated_record_count"],
            listing_complete=run["listing_complete"],
            **total,
            per_second=going.per_second,
            seconds_left=going.seconds_left,
            prisons=_in_order(prisons, run["prisons"]),
            troubles=troubles,
        )

    def _pace(self, run: Row, total: dict[str, int], lately: int, now: datetime) -> Pace:
        if run["status"] not in ACTIVE:
            decided = total["migrated"] + total["failed"]
            return average(decided, started=run["when_started"], ended=run["when_ended"])
        if run["paused"] or not run["listing_complete"]:
            return Pace()
        return pace(lately, total["pending"], started=run["when_started"], now=now, window=self._window)


async def _prisons(tx: Connection, migration_id: str) -> list[PrisonProgress]:
    rows = await tx.fetch(
        """
        SELECT prison_id, count(*) AS listed, count(*) FILTER (WHERE state = 'migrated') AS migrated,
               count(*) FILTER (WHERE state = 'skipped') AS skipped, count(*) FILTER (WHERE state = 'failed') AS failed,
               count(*) FILTER (WHERE state = 'pending') AS pending
          FROM migration_item WHERE migration_id = $1 GROUP BY prison_id ORDER BY prison_id NULLS LAST
        """,
        migration_id,
    )
    return [PrisonProgress(**dict(row)) for row in rows]


async def _troubles(tx: Connection, migration_id: str) -> tuple[Trouble, ...]:
    rows = await tx.fetch(
        """
        SELECT last_failure AS reason, count(*) AS pages FROM migration_page
         WHERE migration_id = $1 AND NOT done AND last_failure IS NOT NULL GROUP BY last_failure ORDER BY 2 DESC, 1
        """,
        migration_id,
    )
    return tuple(Trouble(**dict(row)) for row in rows)


def _in_order(prisons: list[PrisonProgress], order: list[str]) -> tuple[PrisonProgress, ...]:
    """Show the prisons of a run in its order, those that it leaves out behind them."""
    place = {prison: number for number, prison in enumerate(order)}
    return tuple(sorted(prisons, key=lambda each: place.get(each.prison_id or "", len(place))))
