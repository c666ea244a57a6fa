"""The doors operators' tools use (`reference/from-nomis.md` §2.1), in their wire shapes, with exact counts beside."""

from collections.abc import Awaitable, Callable, Sequence

from pydantic import field_validator

from libs.domain.wire import LondonMoment, Wire
from libs.web.auth import Caller
from libs.web.routing import Route
from services.migration.api.problems import ADMIN, MIGRATE
from services.migration.errors import MigrationActive, MigrationNotFound, MigrationOver, WipeNotAllowed
from services.migration.records import (
    LOCATIONS,
    InProgress,
    Kind,
    MigrationContext,
    MigrationFilter,
    MigrationRun,
    VerificationWish,
)
from services.migration.stages.control import Control
from services.migration.store.runs import RunStore

Counts = Callable[[], Awaitable[tuple[int | None, int | None]]]
"""Gives (waiting, in flight) of the migration's queue; None where the broker does not tell."""


class HistoryQuery(Wire):
    """Which runs; times are London's, both ends inclusive, an empty string is none."""

    from_date_time: LondonMoment | None = None
    to_date_time: LondonMoment | None = None
    include_only_failures: bool = False
    migration_types: tuple[str, ...] = ()
    filter_contains: str | None = None

    @field_validator("from_date_time", "to_date_time", mode="before")
    @classmethod
    def _no_date(cls, value: object) -> object:
        return None if value == "" else value


class RunDoors:
    """The handlers."""

    def __init__(self, control: Control, runs: RunStore, counts: Counts, *, allow_wipe: bool) -> None:
        self._control = control
        self._runs = runs
        self._counts = counts
        self._allow_wipe = allow_wipe

    async def start(self, body: MigrationFilter, caller: Caller) -> MigrationContext:
        """Start a run over the whole estate, or over some prisons in their order."""
        return await self._control.start(body, caller.username)

    async def rehearse(self, body: MigrationFilter, caller: Caller) -> MigrationContext:
        """Start a run that does everything but write; `migrated` counts what would be."""
        return await self._control.start(body, caller.username, Kind.REHEARSAL)

    async def verify(self, body: VerificationWish, caller: Caller) -> MigrationContext:
        """Start a run that compares both sides; `migrated` counts locations that are equal."""
        return await self._control.verify(body, caller.username)

    async def migrations(self, query: HistoryQuery) -> list[MigrationRun]:
        """List migrations, newest first; with `migrationTypes` also rehearsals and verifications."""
        return await self._listed(query, query.migration_types or (LOCATIONS,))

    async def history(self, query: HistoryQuery) -> list[MigrationRun]:
        """List runs of all types, newest first."""
        return await self._listed(query, query.migration_types or None)

    async def run(self, migration_id: str) -> MigrationRun:
        """Show one run."""
        return await self._runs.run(migration_id)

    async def cancel(self, migration_id: str, caller: Caller) -> None:
        """Ask a run to stop; what is under way is finished, the rest is skipped."""
        await self._control.cancel(migration_id, caller.username)

    async def pause(self, migration_id: str, caller: Caller) -> None:
        """Let a run rest; what is under way is finished."""
        await self._control.pause(migration_id, caller.username)

    async def resume(self, migration_id: str, caller: Caller) -> None:
        """Let a paused run go on."""
        await self._control.resume(migration_id, caller.username)

    async def active(self) -> InProgress:
        """Show the newest migration as the dashboard reads it, with the counts of the queue."""
        waiting, in_flight = await self._counts()
        latest = await self._runs.latest() or InProgress()
        return latest.model_copy(update={"to_be_processed_count": waiting, "being_processed_count": in_flight})

    async def wipe(self, caller: Caller) -> None:
        """Delete the history of ended runs."""
        if not self._allow_wipe:
            raise WipeNotAllowed
        await self._runs.wipe(caller.username)

    async def _listed(self, query: HistoryQuery, kinds: Sequence[str] | None) -> list[MigrationRun]:
        return await self._runs.runs(
            query.from_date_time,
            query.to_date_time,
            only_failures=query.include_only_failures,
            kinds=kinds,
            filter_contains=query.filter_contains,
        )


def routes(doors: RunDoors) -> Sequence[Route]:
    """List the doors."""
    gone = (MigrationNotFound,)
    over = (MigrationNotFound, MigrationOver)
    base = "/migrate/locations"
    return (
        Route("POST", base, doors.start, MIGRATE, status=202, problems=(MigrationActive,)),
        Route("POST", f"{base}/rehearsals", doors.rehearse, MIGRATE, status=202, problems=(MigrationActive,)),
        Route("POST", f"{base}/verifications", doors.verify, MIGRATE, status=202, problems=(MigrationActive, *gone)),
        Route("GET", f"{base}/history", doors.migrations, MIGRATE),
        Route("GET", f"{base}/history/{{migrationId}}", doors.run, MIGRATE, problems=gone),
        Route("POST", f"{base}/{{migrationId}}/cancel", doors.cancel, MIGRATE, status=202, problems=gone),
        Route("POST", f"{base}/{{migrationId}}/pause", doors.pause, MIGRATE, status=202, problems=over),
        Route("POST", f"{base}/{{migrationId}}/resume", doors.resume, MIGRATE, status=202, problems=over),
        Route("GET", f"{base}/active-migration", doors.active, MIGRATE),
        Route("GET", "/history", doors.history, ADMIN),
        Route("DELETE", "/history", doors.wipe, ADMIN, status=204, problems=(WipeNotAllowed,)),
    )
