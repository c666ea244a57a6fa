"""What operators may ask of a run: start it, cancel it, let it rest and go on, try again what failed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from services.migration.errors import IdTaken, MigrationActive
from services.migration.ports import NomisEstate
from services.migration.records import (
    ItemState,
    Kind,
    MigrationContext,
    MigrationFilter,
    RetryWish,
    RunWish,
    VerificationWish,
)
from services.migration.stages.work import LIST, Call, Stages, Wake
from services.migration.store.failures import FailureStore
from services.migration.store.runs import RunStore

LONDON = ZoneInfo("Europe/London")
# A run is named by the second it starts in; of several within one second each takes the next.
SECONDS_AHEAD_MAX = 10
log = structlog.get_logger()


class Control:
    """Each act is a row changed and, where somebody has to work on it, a wake-up."""

    def __init__(
        self,
        runs: RunStore,
        failures: FailureStore,
        stages: Stages,
        nomis: NomisEstate,
        *,
        wake: Wake,
        now: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._failures = failures
        self._stages = stages
        self._nomis = nomis
        self._wake = wake
        self._now = now

    async def start(self, wish: MigrationFilter, by: str, kind: Kind = Kind.MIGRATION) -> MigrationContext:
        """Open a run and wake the lister. Raises MigrationActive: one at a time, of whatever kind."""
        _, estimated = await self._nomis.ids_page(0, 1)
        return await self._begun(wish, by, RunWish(kind, _json(wish), wish.prison_ids, estimated))

    async def verify(self, wish: VerificationWish, by: str) -> MigrationContext:
        """Open a verification of what a run migrated, or of all. Raises MigrationActive, MigrationNotFound."""
        if wish.migration_id is None:
            return await self.start(wish, by, Kind.VERIFICATION)
        states = await self._runs.states(wish.migration_id)
        estimated = states.get(ItemState.MIGRATED, 0) + states.get(ItemState.SKIPPED, 0)
        run = RunWish(Kind.VERIFICATION, _json(wish), wish.prison_ids, estimated, wish.migration_id)
        await self._runs.run(wish.migration_id)
        return await self._begun(wish, by, run)

    async def _begun(self, wish: MigrationFilter, by: str, run: RunWish) -> MigrationContext:
        if active := await self._runs.active_id():
            raise MigrationActive(active)
        migration_id = await self._opened(by, run)
        dates = wish.model_dump(mode="json", by_alias=True, exclude_none=True, include={"from_date", "to_date"})
        log.info(
            "locations-migration-started",
            migrationId=migration_id,
            migrationType=run.kind,
            estimatedCount=str(run.estimated),
            **dates,
        )
        await self._wake([Call(type=LIST, migration_id=migration_id)])
        return MigrationContext(type=run.kind, migration_id=migration_id, estimated_count=run.estimated, body=wish)

    async def cancel(self, migration_id: str, by: str) -> None:
        """Ask a run to stop; pages under way finish first. Raises MigrationNotFound."""
        if await self._runs.request_cancel(migration_id, by):
            log.info("locations-migration-cancel-requested", migrationId=migration_id)
            await self._stages.go_on(migration_id)

    async def pause(self, migration_id: str, by: str) -> None:
        """Let a run rest; pages under way finish first. Raises MigrationNotFound, MigrationOver."""
        await self._runs.set_paused(migration_id, by, paused=True)

    async def resume(self, migration_id: str, by: str) -> None:
        """Let a run go on. Raises MigrationNotFound, MigrationOver."""
        await self._runs.set_paused(migration_id, by, paused=False)
        await self._stages.sweep()

    async def retry(self, migration_id: str, wish: RetryWish, by: str) -> int:
        """Try failed locations again within their run; return how many.

        Raises MigrationNotFound, MigrationOver for a cancelled run, MigrationActive when another one runs.
        """
        reopened = await self._failures.reopen(migration_id, wish, by)
        if reopened:
            await self._stages.sweep()
        return reopened

    async def _opened(self, by: str, wish: RunWish) -> str:
        now = self._now()
        for ahead in range(SECONDS_AHEAD_MAX):
            named_after = now + timedelta(seconds=ahead)
            migration_id = named_after.astimezone(LONDON).replace(tzinfo=None).isoformat(timespec="seconds")
            try:
                await self._runs.start(now, migration_id, by, wish)
            except IdTaken:
                continue
            return migration_id
        raise AssertionError("more runs than seconds")


def _json(wish: MigrationFilter) -> str:
    return wish.model_dump_json(by_alias=True, exclude_defaults=True)
