"""How far a run is: asked for once, or told as it happens."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from libs.web.routing import Event, Events, Route
from services.migration.api.problems import MIGRATE
from services.migration.errors import MigrationNotFound
from services.migration.records import ACTIVE, Progress
from services.migration.store.progress import ProgressStore

PROGRESS = "progress"
END = "end"


class Watch:
    """Counts once for all who watch the same run, at most every so often."""

    def __init__(self, store: ProgressStore, now: Callable[[], datetime], every: timedelta) -> None:
        self._store = store
        self._now = now
        self._every = every
        self._one_at_a_time = asyncio.Lock()
        self._seen: tuple[datetime, Progress] | None = None

    async def look(self, migration_id: str) -> Progress:
        """Return progress that is younger than the interval. Raises MigrationNotFound."""
        async with self._one_at_a_time:
            now = self._now()
            if self._seen and self._seen[1].migration_id == migration_id and now - self._seen[0] < self._every:
                return self._seen[1]
            self._seen = (now, await self._store.progress(migration_id, now))
            return self._seen[1]


class ProgressDoors:
    """The handlers."""

    def __init__(
        self, store: ProgressStore, watch: Watch, now: Callable[[], datetime], rest: Callable[[], Awaitable[None]]
    ) -> None:
        self._store = store
        self._watch = watch
        self._now = now
        self._rest = rest

    async def progress(self, migration_id: str) -> Progress:
        """Show how far a run is, in all and by prison."""
        return await self._store.progress(migration_id, self._now())

    async def events(self, migration_id: str) -> Events:
        """Tell how far a run is whenever that changes, until it is over; each event is whole."""
        first = await self._watch.look(migration_id)
        return Events(self._told(migration_id, first))

    async def _told(self, migration_id: str, told: Progress) -> AsyncGenerator[Event, None]:
        yield _event(told, PROGRESS)
        while told.status in ACTIVE:
            await self._rest()
            seen = await self._watch.look(migration_id)
            if seen != told:
                yield _event(seen, PROGRESS)
            told = seen
        yield _event(told, END)


def _event(progress: Progress, name: str) -> Event:
    return Event(progress.model_dump_json(by_alias=True, exclude_none=True), name)


def routes(doors: ProgressDoors) -> Sequence[Route]:
    """List the doors."""
    path = "/migrate/locations/history/{migrationId}/progress"
    return (
        Route("GET", path, doors.progress, MIGRATE, problems=(MigrationNotFound,)),
        Route("GET", f"{path}/events", doors.events, MIGRATE, problems=(MigrationNotFound,)),
    )
