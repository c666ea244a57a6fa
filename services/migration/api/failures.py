"""What was not migrated: why, which, and once more."""

from collections.abc import Sequence

from libs.web.auth import Caller
from libs.web.routing import Route
from services.migration.api.problems import MIGRATE
from services.migration.errors import MigrationActive, MigrationNotFound, MigrationOver
from services.migration.records import Failures, ItemQuery, ItemRow, Retried, RetryWish
from services.migration.stages.control import Control
from services.migration.store.failures import FailureStore
from services.migration.store.runs import RunStore


class FailureDoors:
    """The handlers."""

    def __init__(self, control: Control, runs: RunStore, failures: FailureStore, *, sample: int) -> None:
        self._control = control
        self._runs = runs
        self._failures = failures
        self._sample = sample

    async def grouped(self, migration_id: str) -> list[Failures]:
        """Show why locations of a run were skipped or failed, grouped by reason."""
        await self._runs.run(migration_id)
        return await self._failures.grouped(migration_id, self._sample)

    async def items(self, migration_id: str, query: ItemQuery) -> list[ItemRow]:
        """List locations of a run with reason, attempts and times, in the order of ids; `after` turns the page."""
        await self._runs.run(migration_id)
        return await self._failures.items(migration_id, query)

    async def retry(self, migration_id: str, body: RetryWish, caller: Caller) -> Retried:
        """Try failed locations again: some by id, all of one reason, or all; an ended run is opened again for them."""
        return Retried(retried=await self._control.retry(migration_id, body, caller.username))


def routes(doors: FailureDoors) -> Sequence[Route]:
    """List the doors."""
    gone = (MigrationNotFound,)
    run = "/migrate/locations/history/{migrationId}"
    retry = "/migrate/locations/{migrationId}/retry"
    refusals = (*gone, MigrationOver, MigrationActive)
    return (
        Route("GET", f"{run}/failures", doors.grouped, MIGRATE, problems=gone),
        Route("GET", f"{run}/items", doors.items, MIGRATE, problems=gone),
        Route("POST", retry, doors.retry, MIGRATE, status=202, problems=refusals),
    )
