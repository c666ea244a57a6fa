"""The doors operators' tools use (`reference/from-nomis.md` §2.1), in their wire shapes, with exact counts beside."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from types import MappingProxyType

from pydantic import field_validator

from libs.domain.wire import Wire
from libs.web.auth import Caller
from libs.web.problems import Problem
from libs.web.routing import Needs, Route
from services.migration.errors import MigrationActive, MigrationNotFound, WipeNotAllowed
from services.migration.records import LOCATIONS, Failures, InProgress, MigrationContext, MigrationFilter, MigrationRun
from services.migration.stages.work import Stages
from services.migration.store.runs import RunStore

MIGRATE = Needs.role("ROLE_MIGRATE_LOCATIONS")
ADMIN = Needs.role("ROLE_MIGRATION_ADMIN")

PROBLEMS = MappingProxyType(
    {
        MigrationNotFound: Problem(404, "Not found", user_prefix="Not Found: "),
        MigrationActive: Problem(409, "A migration is under way"),
        WipeNotAllowed: Problem(403, "Wipe not allowed"),
    }
)

Counts = Callable[[], Awaitable[tuple[int | None, int | None]]]
"""Gives (waiting, in flight) of the migration's queue; None where the broker does not tell."""


class HistoryQuery(Wire):
    """Which runs; times are London's, both ends inclusive, an empty string is none."""

    from_date_time: datetime | None = None
    to_date_time: datetime | None = None
    include_only_failures: bool = False
    migration_types: tuple[str, ...] = ()
    filter_contains: str | None = None

    @field_validator("from_date_time", "to_date_time", mode="before")
    @classmethod
    def _no_date(cls, value: object) -> object:
        return None if value == "" else value


class MigrationApi:
    """The handlers."""

    def __init__(self, stages: Stages, runs: RunStore, counts: Counts, *, sample: int, allow_wipe: bool) -> None:
        self._stages = stages
        self._runs = runs
        self._counts = counts
        self._sample = sample
        self._allow_wipe = allow_wipe

    async def start(self, body: MigrationFilter, caller: Caller) -> MigrationContext:
        """Start a run over the whole estate, or over some prisons."""
        return await self._stages.start(body, caller.username)

    async def history(self, query: HistoryQuery) -> list[MigrationRun]:
        """List runs, newest first."""
        if query.migration_types and LOCATIONS not in query.migration_types:
            return []
        return await self._runs.runs(
            query.from_date_time,
            query.to_date_time,
            only_failures=query.include_only_failures,
            filter_contains=query.filter_contains,
        )

    async def run(self, migration_id: str) -> MigrationRun:
        """Show one run."""
        return await self._runs.run(migration_id)

    async def failures(self, migration_id: str) -> list[Failures]:
        """Show why locations of a run were skipped or failed, grouped."""
        await self._runs.run(migration_id)
        return await self._runs.failures(migration_id, self._sample)

    async def cancel(self, migration_id: str) -> None:
        """Ask a run to stop."""
        await self._stages.cancel(migration_id)

    async def active(self) -> InProgress:
        """Show the newest run as the dashboard reads it, with the counts of the queue."""
        waiting, in_flight = await self._counts()
        latest = await self._runs.latest() or InProgress()
        return latest.model_copy(update={"to_be_processed_count": waiting, "being_processed_count": in_flight})

    async def wipe(self) -> None:
        """Delete the history of ended runs."""
        if not self._allow_wipe:
            raise WipeNotAllowed
        await self._runs.wipe()


def routes(api: MigrationApi) -> Sequence[Route]:
    """List every door."""
    gone = (MigrationNotFound,)
    base = "/migrate/locations"
    return (
        Route("POST", base, api.start, MIGRATE, status=202, problems=(MigrationActive,)),
        Route("GET", f"{base}/history", api.history, MIGRATE),
        Route("GET", f"{base}/history/{{migrationId}}", api.run, MIGRATE, problems=gone),
        Route("GET", f"{base}/history/{{migrationId}}/failures", api.failures, MIGRATE, problems=gone),
        Route("POST", f"{base}/{{migrationId}}/cancel", api.cancel, MIGRATE, status=202, problems=gone),
        Route("GET", f"{base}/active-migration", api.active, MIGRATE),
        Route("GET", "/history", api.history, ADMIN),
        Route("DELETE", "/history", api.wipe, ADMIN, status=204, problems=(WipeNotAllowed,)),
    )
