"""The migrate doors of ours: `POST /migrate/locations/batch`, up to 500, an outcome for each, and its rehearsal."""

from collections.abc import Sequence

from libs.domain.sync import MigrateBatch, MigrateOutcomes
from libs.web.routing import Needs, Route
from services.locations.changes.migrate import MigrateChanges
from services.locations.errors import LocationBusy

MIGRATE = Needs.role("ROLE_MIGRATE_LOCATIONS", scope="write")


class MigrateDoors:
    """The handlers."""

    def __init__(self, changes: MigrateChanges) -> None:
        self._changes = changes

    async def batch(self, body: MigrateBatch) -> MigrateOutcomes:
        """Create a page of locations; good ones are kept and each bad one is told why."""
        return MigrateOutcomes(outcomes=tuple(await self._changes.create(body.locations)))

    async def validate(self, body: MigrateBatch) -> MigrateOutcomes:
        """Answer as the batch door would, and write nothing; ancestors that are not in DPS belong in the same batch."""
        return MigrateOutcomes(outcomes=tuple(await self._changes.rehearse(body.locations)))


def routes(doors: MigrateDoors) -> Sequence[Route]:
    """List the doors."""
    return (
        Route("POST", "/migrate/locations/batch", doors.batch, MIGRATE, problems=(LocationBusy,)),
        Route("POST", "/migrate/locations/validate", doors.validate, MIGRATE, problems=(LocationBusy,)),
    )
